/** Where the identity provider is asked, and what a sign-in there failed with. Pure. */

/** The address that begins a sign-in there and leads back to where the user wanted to go. */
export function oidcAddress(path: string, search: string): string {
  const query = new URLSearchParams(search)
  query.delete('sign_in')
  const rest = query.toString()
  const to = rest ? `${path}?${rest}` : path
  return `/api/v1/oidc/start?${new URLSearchParams({ to }).toString()}`
}

const FAULTS: Record<string, string> = {
  'sign_in.failed': 'The identity provider did not let you in.',
  'oidc.name_taken': 'An account of your name is there, but of somebody whom another provider vouches for.',
  'oidc.no_role': 'The identity provider knows you, but gives you no role here. Ask an administrator.',
  'oidc.off': 'Sign-in by an identity provider is not set up here.',
  'oidc.provider': 'The identity provider cannot be reached or answered wrongly. Try again in a moment.',
}

/** What the address tells of a sign-in that failed, in words. */
export function faultOf(search: string): string | null {
  const code = new URLSearchParams(search).get('sign_in')
  if (code === null) return null
  const words = FAULTS[code] ?? 'The sign-in at the identity provider failed.'
  return /^[\w.]{1,60}$/.test(code) ? `${words} (${code})` : words
}
