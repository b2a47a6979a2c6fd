"""Authorization servers over real sockets, made with oauthlib, which is not what Redrive signs with."""

from __future__ import annotations

import base64
from urllib.parse import unquote_plus

import oauthlib.oauth1
import oauthlib.oauth2
from aiohttp import web

from tests.integration.connectors.bench import Seen, reply

CLIENT, SECRET = "the client", "client s3cret/+&"


class _Validator(oauthlib.oauth2.RequestValidator):
    """Clients, codes and tokens in memory. Refresh tokens rotate: each is good once."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.access: set[str] = set()
        self.refresh: set[str] = set()
        self.granted: list[str] = []

    def client_authentication_required(self, request, *args, **kwargs):
        return True

    def authenticate_client(self, request, *args, **kwargs):
        given = (request.headers or {}).get("Authorization", "")
        if given.startswith("Basic "):
            user, _, password = base64.b64decode(given[6:]).decode().partition(":")
            pair = (unquote_plus(user), unquote_plus(password))
        else:
            pair = (request.client_id, request.client_secret)
        request.client = type("Client", (), {"client_id": pair[0]})()
        return pair == (CLIENT, SECRET)

    def validate_client_id(self, client_id, request, *args, **kwargs):
        return client_id == CLIENT

    def validate_redirect_uri(self, client_id, redirect_uri, request, *args, **kwargs):
        return redirect_uri.endswith("/back")

    def validate_response_type(self, *args, **kwargs):
        return True

    def validate_grant_type(self, *args, **kwargs):
        return True

    def validate_scopes(self, client_id, scopes, client, request, *args, **kwargs):
        return set(scopes) <= {"orders"}

    def get_default_scopes(self, client_id, request, *args, **kwargs):
        return ["orders"]

    def get_original_scopes(self, refresh_token, request, *args, **kwargs):
        return ["orders"]

    def is_pkce_required(self, client_id, request):
        return True

    def save_authorization_code(self, client_id, code, request, *args, **kwargs):
        self.codes[code["code"]] = {
            "challenge": request.code_challenge,
            "method": request.code_challenge_method,
            "redirect_uri": request.redirect_uri,
        }

    def validate_code(self, client_id, code, client, request, *args, **kwargs):
        request.scopes, request.user = ["orders"], "ann"
        return code in self.codes

    def get_code_challenge(self, code, request):
        return self.codes[code]["challenge"]

    def get_code_challenge_method(self, code, request):
        return self.codes[code]["method"]

    def confirm_redirect_uri(self, client_id, code, redirect_uri, client, request, *args, **kwargs):
        return redirect_uri == self.codes[code]["redirect_uri"]

    def invalidate_authorization_code(self, client_id, code, request, *args, **kwargs):
        del self.codes[code]

    def save_bearer_token(self, token, request, *args, **kwargs):
        self.access.add(token["access_token"])
        self.granted.append(request.grant_type)
        if "refresh_token" in token:
            self.refresh.add(token["refresh_token"])

    def validate_refresh_token(self, refresh_token, client, request, *args, **kwargs):
        known = refresh_token in self.refresh
        self.refresh.discard(refresh_token)
        return known

    def rotate_refresh_token(self, request):
        return True


class OAuth2Site:
    """`/token`, `/authorize` and, for everybody with a token, `/orders` in pages."""

    def __init__(self, *, lasts_s: int = 3600, pages: int = 3) -> None:
        self.validator = _Validator()
        self.asked: list[Seen] = []
        self._pages = pages
        web_server = oauthlib.oauth2.WebApplicationServer(self.validator, token_expires_in=lasts_s)
        backend = oauthlib.oauth2.BackendApplicationServer(self.validator, token_expires_in=lasts_s)
        self._web, self._backend = web_server, backend

    def __call__(self, seen: Seen) -> web.StreamResponse:
        path = seen.path.partition("?")[0]
        headers = {name: value for name, value in seen.headers.items() if name != "Content-Length"}
        url = f"https://auth.example{seen.path}"
        if path == "/token":
            self.asked.append(seen)
            body = seen.body.decode()
            server = self._backend if "client_credentials" in body else self._web
            answered, text, status = server.create_token_response(url, "POST", body, headers)
            return web.Response(text=text, status=status, headers=answered)
        if path == "/authorize":
            answered, text, status = self._web.create_authorization_response(
                url, "GET", None, headers, scopes=["orders"]
            )
            return web.Response(text=text or "", status=status, headers=answered)
        token = seen.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.validator.access:
            return reply({"error": "expired"}, 401)
        number = int(seen.query.get("page", "1"))
        return reply({"orders": [{"id": number}] if number <= self._pages else []})


class _OAuth1Validator(oauthlib.oauth1.RequestValidator):
    allowed_signature_methods = ("HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT")
    client_key_length = (3, 40)
    access_token_length = (3, 40)
    nonce_length = (8, 64)
    enforce_ssl = False

    def __init__(self) -> None:
        super().__init__()
        self.nonces: set[str] = set()

    @property
    def dummy_client(self):
        return "nobody"

    def validate_client_key(self, client_key, request):
        return client_key == "consumer"

    def get_client_secret(self, client_key, request):
        return "consumer s3cret&"

    def get_access_token_secret(self, client_key, token, request):
        return "token s3cret%"

    def validate_access_token(self, client_key, token, request):
        return token == "thetoken"

    def validate_realms(self, client_key, token, request, uri=None, realms=None):
        return True

    def validate_timestamp_and_nonce(
        self, client_key, timestamp, nonce, request, request_token=None, access_token=None
    ):
        fresh = nonce not in self.nonces
        self.nonces.add(nonce)
        return fresh


class OAuth1Site:
    """Answers requests that are signed rightly, each nonce once."""

    def __init__(self) -> None:
        self.validator = _OAuth1Validator()
        self._endpoint = oauthlib.oauth1.ResourceEndpoint(self.validator)
        self.url = ""

    def __call__(self, seen: Seen) -> web.StreamResponse:
        form = seen.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
        valid, _ = self._endpoint.validate_protected_resource_request(
            f"{self.url}{seen.path}",
            seen.method,
            seen.body.decode() if form else None,
            dict(seen.headers),
        )
        return reply([{"id": 1}]) if valid else reply({"error": "signature"}, 401)
