/** What roles and scopes mean, and how lines of the audit log read. */

import type { AccountView, AuditLine, Json, SessionView } from '~/api/types'

export const ROLES: { value: AccountView['role']; label: string; help: string }[] = [
  {
    value: 'viewer',
    label: 'viewer',
    help: 'Sees flows, runs, payloads and the queue; finds and downloads.',
  },
  {
    value: 'operator',
    label: 'operator',
    help: 'Also starts, redrives and stops runs, and resolves deliveries.',
  },
  {
    value: 'builder',
    label: 'builder',
    help: 'Also changes and deploys flows, connections, lookups and pools.',
  },
  {
    value: 'admin',
    label: 'admin',
    help: 'Also settings, erasing, people, masking rules and the audit log.',
  },
]

/** Rights that a token can be narrowed to, least first. */
export const SCOPES = ['read', 'run', 'redrive', 'stop', 'resolve', 'build', 'deploy', 'administer'] as const

const WAYS: Record<SessionView['way'], string> = {
  password: 'name and password',
  link: 'one-time link',
  oidc: 'identity provider',
}

export function wayWords(way: SessionView['way']): string {
  return WAYS[way]
}

/** The browser and system of a session, as far as its agent tells. */
export function agentWords(agent: string | null | undefined): string {
  if (!agent) return 'unknown browser'
  const browser = /Edg\//.test(agent)
    ? 'Edge'
    : /Firefox\//.test(agent)
      ? 'Firefox'
      : /Chrom(e|ium)\//.test(agent)
        ? 'Chrome'
        : /Safari\//.test(agent)
          ? 'Safari'
          : null
  const system = /Windows/.test(agent)
    ? 'Windows'
    : /Android/.test(agent)
      ? 'Android'
      : /iPhone|iPad/.test(agent)
        ? 'iOS'
        : /Mac OS/.test(agent)
          ? 'macOS'
          : /Linux/.test(agent)
            ? 'Linux'
            : null
  return [browser ?? agent.slice(0, 40), system].filter(Boolean).join(' on ')
}

/** What else an audit line holds, on one line. */
export function dataWords(data: Record<string, Json> | undefined): string {
  return Object.entries(data ?? {})
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}

export function isRefused(line: Pick<AuditLine, 'result'>): boolean {
  return line.result !== 'ok'
}

/** The instant that a choice like `24h` or `7d` stands for; null: from the beginning. */
export function sinceOf(choice: string | undefined, now: number): string | null {
  const found = /^(\d+)([hd])$/.exec(choice ?? '')
  if (found === null) return null
  const hours = Number(found[1]) * (found[2] === 'd' ? 24 : 1)
  return new Date(now - hours * 3_600_000).toISOString()
}
