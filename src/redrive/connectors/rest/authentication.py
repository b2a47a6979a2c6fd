"""How a connector document says who asks: one model per method of authentication."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import model_validator

from redrive.connectors.rest.parts import Call, Model
from redrive.sdk import ConnectorTemplatedValue, Field, PathText, SigningTemplatedValue


class NoAuthentication(Model):
    """Sends no credentials."""

    method: Literal["none"] = Field("none", help="No credentials are sent.")


class Basic(Model):
    """HTTP Basic: `Authorization: Basic …`."""

    method: Literal["basic"] = Field(help="User name and password in the Authorization header.")
    username: ConnectorTemplatedValue = Field(help="The user name; usually `{{ connection.username }}`.")
    password: ConnectorTemplatedValue = Field("", help="The password; usually `{{ connection.password }}`.")


class Bearer(Model):
    """A token that was issued by the other system: `Authorization: Bearer …`."""

    method: Literal["bearer"] = Field(help="A token in the Authorization header.")
    token: ConnectorTemplatedValue = Field(help="The token; usually `{{ connection.token }}`.")


class ApiKey(Model):
    """A key in a header or in a query parameter."""

    method: Literal["api_key"] = Field(help="A key in a header or in a query parameter.")
    value: ConnectorTemplatedValue = Field(help="The key; usually `{{ connection.api_key }}`.")
    header: str | None = Field(None, help="Name of the header that carries it.", min_length=1)
    query: str | None = Field(None, help="Name of the query parameter that carries it.", min_length=1)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.header is None) == (self.query is None):
            raise ValueError("an api_key stands in a header or in the query: name one of the two")
        return self


class TokenPlace(Model):
    """Where a token that Redrive got by itself stands in a request."""

    header: str = Field("Authorization", help="Header that carries the token.", min_length=1)
    prefix: str = Field("Bearer", help="What stands before the token in that header; may be empty.")
    query: str | None = Field(
        None, help="Query parameter that carries the token, instead of a header.", min_length=1
    )


class OAuth2(TokenPlace):
    """What both ways of OAuth 2 share."""

    token_url: ConnectorTemplatedValue = Field(help="The whole URL where tokens are asked for.")
    client_id: ConnectorTemplatedValue = Field(help="The client; usually `{{ connection.client_id }}`.")
    client_secret: ConnectorTemplatedValue = Field(
        "", help="Its secret; usually `{{ connection.client_secret }}`. Empty for a public client."
    )
    client_auth: Literal["basic", "body"] = Field(
        "basic", help="How the client proves itself: in the Authorization header, or as fields of the form."
    )
    scope: ConnectorTemplatedValue = Field("", help="Scopes that are asked for, separated by spaces.")
    parameters: dict[str, ConnectorTemplatedValue] = Field(
        default_factory=dict, help="Further fields of each token request, such as `audience`."
    )


class OAuth2ClientCredentials(OAuth2):
    """OAuth 2 client credentials (RFC 6749, 4.4): Redrive asks for a token and renews it before it ends."""

    method: Literal["oauth2_client_credentials"] = Field(help="OAuth 2 for programs that act for themselves.")


class OAuth2AuthorizationCode(OAuth2):
    """OAuth 2 authorization code with PKCE (RFC 6749, 4.1; RFC 7636): a person agrees once, in a browser
    (`redrive connections authorize NAME`); afterwards tokens are refreshed.
    """

    method: Literal["oauth2_authorization_code"] = Field(
        help="OAuth 2 for programs that act for a person, who agrees once."
    )
    authorize_url: ConnectorTemplatedValue = Field(help="The whole URL of the page where the person agrees.")
    authorize_parameters: dict[str, ConnectorTemplatedValue] = Field(
        default_factory=dict, help="Further parameters of that page, such as `access_type: offline`."
    )
    refresh_token: ConnectorTemplatedValue | None = Field(
        None,
        help="A refresh token that was got elsewhere, usually `{{ connection.refresh_token }}`: then nobody "
        "has to agree.",
    )


class OAuth1(Model):
    """OAuth 1.0a (RFC 5849): each request is signed."""

    method: Literal["oauth1"] = Field(help="Each request is signed with the secrets of client and token.")
    consumer_key: ConnectorTemplatedValue = Field(help="The client's key.")
    consumer_secret: ConnectorTemplatedValue = Field("", help="The client's secret.")
    token: ConnectorTemplatedValue = Field("", help="The access token, if there is one.")
    token_secret: ConnectorTemplatedValue = Field("", help="Its secret.")
    signature: Literal["HMAC-SHA1", "HMAC-SHA256", "RSA-SHA1", "PLAINTEXT"] = Field(
        "HMAC-SHA1", help="The signature method."
    )
    private_key: ConnectorTemplatedValue = Field("", help="For RSA-SHA1: the private key, as PEM.")
    realm: ConnectorTemplatedValue = Field("", help="The realm, where the system asks for one.")


class Hmac(Model):
    """Each request carries a keyed hash of itself.

    Templates of `sign`, `value`, `headers` and `query` also read `request`: `method`, `url`, `path`, `query`,
    `host`, `body`, `body_sha256`, `body_sha256_base64`, `body_md5_base64`, `timestamp` (seconds),
    `timestamp_ms`, `date` (as in HTTP), `iso_date`, `nonce`, `content_type`.
    """

    method: Literal["hmac"] = Field(help="A keyed hash of the request, in a header or in the query.")
    secret: ConnectorTemplatedValue = Field(help="The key; usually `{{ connection.secret }}`.")
    secret_encoding: Literal["text", "hex", "base64"] = Field("text", help="How the key is written.")
    algorithm: Literal["sha256", "sha512", "sha1", "md5"] = Field("sha256", help="The hash.")
    sign: SigningTemplatedValue = Field(
        help='What is signed, such as `"{{ request.timestamp }}.{{ request.body }}"`.'
    )
    encoding: Literal["hex", "base64", "base64url"] = Field("hex", help="How the signature is written.")
    header: str | None = Field(None, help="Header that carries the signature.", min_length=1)
    value: SigningTemplatedValue | None = Field(
        None,
        help="Value of that header or parameter, with `{{ signature }}` in it. Default: the signature alone.",
    )
    query_parameter: str | None = Field(
        None, help="Query parameter that carries the signature, instead of a header.", min_length=1
    )
    headers: dict[str, SigningTemplatedValue] = Field(
        default_factory=dict, help="Further headers, such as the time stamp that is signed."
    )
    query: dict[str, SigningTemplatedValue] = Field(
        default_factory=dict, help="Further query parameters; `request.url` and `request.query` hold them."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.header is None) == (self.query_parameter is None):
            raise ValueError("a signature stands in a header or in the query: name one of the two")
        return self


class Login(TokenPlace):
    """A request of the system's own that gives a token; made again before the token ends, or on a 401."""

    method: Literal["login"] = Field(help="A request of its own gives the token.")
    request: Call = Field(help="The login; its templates read `connection` only.")
    token: PathText | None = Field(None, help="Path of the token in the answer.")
    token_header: str | None = Field(None, help="Header of the answer that holds it, instead.", min_length=1)
    token_cookie: str | None = Field(
        None,
        help="Cookie of the answer that is the token, instead; requests then carry it as a cookie.",
        min_length=1,
    )
    expires_in: PathText | None = Field(
        None, help="Path in the answer of how long the token lasts, in seconds."
    )
    expires_at: PathText | None = Field(
        None, help="Path in the answer of when it ends: ISO 8601, or seconds since 1970."
    )
    lasts_s: float | None = Field(
        None,
        help="How long a token lasts where the answer does not say. Default: until a 401.",
        gt=0,
        unit="seconds",
    )

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if sum(one is not None for one in (self.token, self.token_header, self.token_cookie)) != 1:
            raise ValueError("a login names one of token, token_header and token_cookie")
        return self


Authentication = Annotated[
    NoAuthentication
    | Basic
    | Bearer
    | ApiKey
    | OAuth2ClientCredentials
    | OAuth2AuthorizationCode
    | OAuth1
    | Hmac
    | Login,
    Field(help="How requests prove who sends them.", discriminator="method"),
]
