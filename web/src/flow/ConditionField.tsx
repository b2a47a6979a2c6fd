/** A condition: comparisons, put together by all, any and not, to any depth. */

import { Button, IconButton } from '~/components/Button'
import { Select } from '~/components/Field'
import { type Context, Draft, faultOf, YamlField } from './controls'
import css from './flow.module.css'
import { valueFrom, valueText } from './formModel'
import { isRecord, type Path, type Plain } from './reading'

const OPERATORS: [string, string][] = [
  ['is', 'is'],
  ['is_not', 'is not'],
  ['in', 'is one of'],
  ['not_in', 'is none of'],
  ['gt', '>'],
  ['gte', '≥'],
  ['lt', '<'],
  ['lte', '≤'],
  ['contains', 'contains'],
  ['starts', 'starts with'],
  ['ends', 'ends with'],
  ['matches', 'matches'],
  ['exists', 'exists'],
  ['before', 'before'],
  ['after', 'after'],
  ['within', 'within'],
]
const NEW: Plain = { field: '', is: '' }

interface Props {
  value: Plain
  path: Path
  context: Context
  /** May be taken away as a whole. */
  optional?: boolean
  onChange(value: Plain | undefined): void
}

export function ConditionField({ value, path, context, optional, onChange }: Props) {
  if (value === null || value === undefined) {
    return (
      <Button icon="plus" onClick={() => onChange({ field: 'id', exists: true })}>
        Add a condition
      </Button>
    )
  }
  if (!isRecord(value)) {
    return <YamlField label="Condition" about="" fault="" value={value} onChange={onChange} />
  }
  const joint = 'all' in value ? 'all' : 'any' in value ? 'any' : 'not' in value ? 'not' : null
  const kind = (
    <Select
      aria-label="Kind of condition"
      value={joint ?? 'one'}
      options={[
        { value: 'one', label: 'One comparison' },
        { value: 'all', label: 'All of these' },
        { value: 'any', label: 'Any of these' },
        { value: 'not', label: 'Not this' },
      ]}
      onChange={(next) => onChange(turned(value, next))}
    />
  )
  const head = (
    <div className="row">
      {kind}
      {optional && (
        <IconButton label="Remove the condition" icon="trash" onClick={() => onChange(undefined)} />
      )}
    </div>
  )
  if (joint === 'not') {
    return (
      <div className={css.condition}>
        {head}
        <div className={css.inner}>
          <ConditionField
            value={value.not ?? NEW}
            path={[...path, 'not']}
            context={context}
            onChange={(next) => context.set([...path, 'not'], next)}
          />
        </div>
      </div>
    )
  }
  if (joint !== null) {
    const parts = Array.isArray(value[joint]) ? value[joint] : []
    return (
      <div className={css.condition}>
        {head}
        <ul className={css.inner}>
          {parts.map((part, index) => (
            <li key={index} className={css.entry}>
              <ConditionField
                value={part}
                path={[...path, joint, index]}
                context={context}
                onChange={(next) => context.set([...path, joint, index], next)}
              />
              {parts.length > 1 && (
                <IconButton
                  label={`Remove condition ${index + 1}`}
                  icon="cross"
                  onClick={() => context.set([...path, joint, index], undefined)}
                />
              )}
            </li>
          ))}
        </ul>
        <Button icon="plus" onClick={() => context.set([...path, joint], [...parts, NEW])}>
          Add
        </Button>
      </div>
    )
  }
  return (
    <div className={css.condition}>
      {head}
      <Comparison value={value} path={path} context={context} />
    </div>
  )
}

function Comparison({
  value,
  path,
  context,
}: {
  value: { [key: string]: Plain }
  path: Path
  context: Context
}) {
  const operators = Object.keys(value).filter((name) => name !== 'field')
  const used = operators.length > 0 ? operators : ['is']
  return (
    <div className={css.comparison}>
      <Draft
        aria-label="Field"
        placeholder="field"
        list="flow-paths"
        value={valueText(value.field)}
        aria-invalid={faultOf(context, [...path, 'field']) !== ''}
        onText={(next) => context.set([...path, 'field'], next)}
      />
      {used.map((operator) => (
        <div key={operator} className="row">
          <Select
            aria-label="Operator"
            value={operator}
            options={OPERATORS.some(([name]) => name === operator) ? choices() : [...choices(), operator]}
            onChange={(next) => {
              const { [operator]: held, ...rest } = value
              context.set(path, {
                ...rest,
                [next]: next === 'exists' ? true : held === true ? '' : (held ?? ''),
              })
            }}
          />
          {operator === 'exists' ? (
            <Select
              aria-label="Value"
              value={String(value.exists)}
              options={['true', 'false']}
              onChange={(next) => context.set([...path, 'exists'], next === 'true')}
            />
          ) : (
            <Draft
              aria-label="Value"
              placeholder="value"
              list="flow-templates"
              value={valueText(value[operator])}
              onText={(next) => {
                const read = valueFrom(next)
                if (read === null) return false
                context.set([...path, operator], read.value ?? '')
              }}
            />
          )}
        </div>
      ))}
    </div>
  )
}

function choices(): { value: string; label: string }[] {
  return OPERATORS.map(([value, label]) => ({ value, label }))
}

function turned(value: { [key: string]: Plain }, kind: string): Plain {
  const parts = value.all ?? value.any
  const inner = Array.isArray(parts) ? parts : isRecord(value.not) ? [value.not] : [value]
  if (kind === 'one') return inner[0] ?? NEW
  return kind === 'not' ? { not: inner[0] ?? NEW } : { [kind]: inner }
}
