// A real OpenID Connect server for tests: node-oidc-provider with its own pages for sign-in and consent.
// Each name may sign in with any password; a name `ann+support+admins` has the groups support and admins.
import Provider from 'oidc-provider';

const { ISSUER, PORT, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env;

const provider = new Provider(ISSUER, {
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      redirect_uris: [REDIRECT_URI],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
  ],
  pkce: { required: () => true },
  cookies: { keys: ['a key of the tests'] },
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email'] },
  findAccount(_context, id) {
    const [name, ...groups] = id.split('+');
    return {
      accountId: id,
      claims: () => ({ sub: id, preferred_username: name, email: `${name}@example.com`, groups }),
    };
  },
});

provider.listen(Number(PORT), '127.0.0.1', () => console.log('ready'));
