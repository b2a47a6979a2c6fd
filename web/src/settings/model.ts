/** How settings, limits and triggers read. */

import type { FlowRetention, LimitView, SettingView, TriggerView } from '~/api/types'
import { bytes, count, plural } from '~/components/format'

/** `7 days`, `1,000 runs`, `5.0 GB`; what has no bound is said. */
export function limitWords(limit: LimitView): string {
  const parts = [
    limit.days === null ? null : plural(limit.days, 'day'),
    limit.count === null ? null : plural(limit.count, 'run'),
    limit.size_bytes === null ? null : bytes(limit.size_bytes),
  ].filter((part): part is string => part !== null)
  return parts.length > 0 ? parts.join(' or ') : 'for ever'
}

/** What the next pass would take away of a flow. */
export function dueWords(flow: Pick<FlowRetention, 'expire' | 'delete'>): string {
  const parts = [
    flow.expire > 0 ? `the payloads of ${plural(flow.expire, 'run')}` : null,
    flow.delete > 0 ? plural(flow.delete, 'run') : null,
  ].filter(Boolean)
  return parts.length > 0 ? parts.join(', ') : 'nothing'
}

export function valueWords(setting: Pick<SettingView, 'value' | 'unit'>): string {
  const { value, unit } = setting
  if (value === null || value === '') return '–'
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  const text = typeof value === 'number' ? count(value) : value
  return unit ? `${text} ${unit}` : text
}

/** Settings that hold `text` in their name, value or help. */
export function matching(settings: readonly SettingView[], text: string): SettingView[] {
  const wanted = text.trim().toLowerCase()
  return settings.filter((one) => `${one.name} ${one.value} ${one.help}`.toLowerCase().includes(wanted))
}

/** The rule of a schedule, or the address of a hook. */
export function triggerWords(trigger: TriggerView): string {
  return trigger.rule ?? trigger.address ?? trigger.name ?? ''
}
