/** The picture of each shape; a shape of another package has a wheel. */

import type { IconName } from '~/components/Icon'

const ICONS: Record<string, IconName> = {
  connector: 'plug',
  filter: 'filter',
  map: 'edit',
  flow_control: 'queue',
  split: 'diff',
  merge: 'link',
  convert: 'redo',
  route: 'flow',
  branch: 'flow',
  try: 'bang',
  assert: 'check',
  manual_payload: 'book',
  script: 'keyboard',
  set_variables: 'table',
  dedupe: 'pool',
  track: 'pin',
  add_to_cache: 'cache',
  load_from_cache: 'cache',
  notify: 'bell',
  run_flow: 'play',
  wait: 'clock',
  callback: 'out',
}

export function shapeIcon(shape: string): IconName {
  return ICONS[shape] ?? 'cog'
}
