/** The fields of a map: where each goes, where it comes from or its value, and what is done on the way. */

import { Button, IconButton } from '~/components/Button'
import { Select } from '~/components/Field'
import { type Context, Draft, faultOf, leave } from './controls'
import css from './flow.module.css'
import { valueFrom, valueText } from './formModel'
import { isRecord, type Path, type Plain } from './reading'

export function MapFields({ value, path, context }: { value: Plain[]; path: Path; context: Context }) {
  const move = (index: number, by: number): void => {
    const items = [...value]
    const [one] = items.splice(index, 1)
    if (one !== undefined) items.splice(index + by, 0, one)
    context.set(path, items)
  }
  return (
    <>
      {value.length > 0 && (
        <ol className={css.mapping}>
          {value.map((one, index) => {
            const field = isRecord(one) ? one : {}
            const at = [...path, index]
            const isValue = 'value' in field
            const fault = faultOf(context, at)
            const label = `field ${index + 1}`
            return (
              <li key={index} className={css.mapField}>
                <div className="row">
                  <Draft
                    aria-label={`To, ${label}`}
                    placeholder="to"
                    value={valueText(field.to)}
                    onText={(next) => context.set([...at, 'to'], next)}
                  />
                  <IconButton
                    label={`Move ${label} up`}
                    icon="up"
                    disabled={index === 0}
                    onClick={() => move(index, -1)}
                  />
                  <IconButton
                    label={`Remove ${label}`}
                    icon="trash"
                    onClick={() => context.set(path, leave(value, index) ?? [])}
                  />
                </div>
                <div className="row">
                  <Select
                    aria-label={`Source, ${label}`}
                    value={isValue ? 'value' : 'from'}
                    options={['from', 'value']}
                    onChange={(next) => {
                      const { from, value: held, ...rest } = field
                      context.set(at, { ...rest, [next]: (next === 'value' ? from : held) ?? '' })
                    }}
                  />
                  <Draft
                    aria-label={`${isValue ? 'Value' : 'From'}, ${label}`}
                    placeholder={isValue ? 'value or {{ template }}' : 'path of the source'}
                    list={isValue ? 'flow-templates' : 'flow-paths'}
                    value={valueText(isValue ? field.value : field.from)}
                    onText={(next) => {
                      const read = valueFrom(next)
                      if (read === null) return false
                      context.set([...at, isValue ? 'value' : 'from'], read.value ?? '')
                    }}
                  />
                </div>
                <Draft
                  aria-label={`Do, ${label}`}
                  placeholder="do: [{case: upper}, trim]"
                  value={valueText(field.do)}
                  onText={(next) => {
                    const read = valueFrom(next)
                    if (read === null) return false
                    context.set([...at, 'do'], read.value)
                  }}
                />
                {fault && (
                  <p className="fault" role="alert">
                    {fault}
                  </p>
                )}
              </li>
            )
          })}
        </ol>
      )}
      <Button icon="plus" onClick={() => context.set(path, [...value, { to: '', from: '' }])}>
        Add a field
      </Button>
    </>
  )
}
