import { Dialog } from '~/components/Dialog'
import { GO } from './shortcuts'

const KEYS: [string, string][] = [
  ['/ or Ctrl K', 'Find any value'],
  ['?', 'This help'],
  ...GO.map(([keys, , what]): [string, string] => [keys, `Go to ${what}`]),
  ['j · k', 'Next and previous row of a list'],
  ['Enter', 'Open the row'],
  ['x', 'Select the row'],
  ['Esc', 'Close a panel or a dialog'],
]

export function KeyHelp({ open, onClose }: { open: boolean; onClose(): void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Keyboard">
      <dl className="keys">
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
