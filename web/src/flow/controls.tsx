/** One control for each kind of setting; what no control fits is edited as YAML. */

import { useEffect, useId, useState } from 'react'
import { Button, IconButton } from '~/components/Button'
import { Checkbox, Field, Input, Select, TextArea } from '~/components/Field'
import { ConditionField } from './ConditionField'
import css from './flow.module.css'
import {
  concerns,
  controlOf,
  plainOf,
  type Schema,
  settingName,
  unitOf,
  valueFrom,
  valueText,
  yamlOf,
  yamlText,
} from './formModel'
import { MapFields } from './MapFields'
import { isRecord, type Path, type Plain } from './reading'

export interface Context {
  defs: Schema
  problems: readonly {
    setting?: string | null
    title: string
    expected?: string | null
    nearest?: string | null
  }[]
  set(path: Path, value: Plain | undefined): void
}

export interface SettingProps {
  context: Context
  path: Path
  label: string
  schema: Schema
  value: Plain | undefined
  required?: boolean
}

export function Setting(props: SettingProps) {
  const { context, path, schema, value } = props
  const name = String(path.at(-1))
  const control = controlOf(name, schema, context.defs)
  const full = plainOf(schema, context.defs)
  const about = helpOf(schema, full)
  const fault = faultOf(context, path, control.kind === 'object' || control.kind === 'list')
  const set = (next: Plain | undefined) => context.set(path, next)
  const label = props.required ? `${props.label} (required)` : props.label
  switch (control.kind) {
    case 'flag':
      return (
        <div className="field">
          <Checkbox
            label={label}
            checked={(value ?? full.default) === true}
            onChange={(on) => set(on === (full.default ?? false) ? undefined : on)}
          />
          {about && <p className="help">{about}</p>}
          {fault && (
            <p className="fault" role="alert">
              {fault}
            </p>
          )}
        </div>
      )
    case 'choice': {
      const options = [
        { value: '', label: full.default ? `${String(full.default)} (default)` : '–' },
        ...control.options.filter((one) => one !== full.default),
      ]
      const known = value === undefined || value === null || control.options.includes(String(value))
      return (
        <Field label={label} help={about} fault={fault}>
          <Select
            value={value === full.default ? '' : String(value ?? '')}
            options={known ? options : [...options, String(value)]}
            onChange={(next) => set(next === '' ? undefined : next)}
          />
        </Field>
      )
    }
    case 'condition':
      return (
        <Group label={label} about={about} fault={fault}>
          <ConditionField value={value ?? null} path={path} context={context} optional onChange={set} />
        </Group>
      )
    case 'mapping':
      return (
        <Group label={label} about={about}>
          <MapFields value={Array.isArray(value) ? value : []} path={path} context={context} />
        </Group>
      )
    case 'object':
      return (
        <Group label={label} about={about} fault={fault} folded={value === undefined}>
          {control.properties.map(([key, inner]) => (
            <Setting
              key={key}
              context={context}
              path={[...path, key]}
              label={key}
              schema={inner}
              value={isRecord(value) ? value[key] : undefined}
              required={control.required.includes(key)}
            />
          ))}
        </Group>
      )
    case 'list':
      return <ListOf {...props} item={control.item} about={about} />
    case 'names':
      return <Names {...props} inner={control.value} about={about} />
    case 'texts':
      return (
        <Field label={label} help={about ? `${about} One a line.` : 'One a line.'} fault={fault}>
          <Draft
            value={
              Array.isArray(value) ? value.map(String).join('\n') : value === undefined ? '' : String(value)
            }
            long
            onText={(next) => {
              const lines = next.split('\n').filter((line) => line.trim() !== '')
              set(lines.length > 0 ? lines : undefined)
            }}
          />
        </Field>
      )
    case 'number':
      return (
        <Field label={unitOf(full) ? `${label}, in ${unitOf(full)}` : label} help={about} fault={fault}>
          <Draft
            value={valueText(value)}
            placeholder={full.default === undefined || full.default === null ? '' : String(full.default)}
            numeric
            onText={(next) => set(next.trim() === '' ? undefined : (valueFrom(next)?.value ?? next))}
          />
        </Field>
      )
    case 'text':
      return (
        <Field label={label} help={about} fault={fault}>
          <Draft
            value={typeof value === 'string' ? value : valueText(value)}
            placeholder={typeof full.default === 'string' ? full.default : ''}
            long={control.long || control.code || (typeof value === 'string' && value.includes('\n'))}
            mono={control.code}
            list={control.path ? 'flow-paths' : undefined}
            onText={(next) => set(next === '' && !props.required ? undefined : next)}
          />
        </Field>
      )
    case 'any':
      return (
        <Field label={label} help={about} fault={fault}>
          <Draft
            value={name === 'payload' && isBig(value) ? yamlText(value) : valueText(value)}
            placeholder={full.default === undefined || full.default === null ? '' : String(full.default)}
            list="flow-templates"
            long={name === 'payload' || (typeof value === 'string' && value.includes('\n'))}
            mono={name === 'payload'}
            onText={(next) => {
              const read = valueFrom(next)
              if (read === null) return false
              set(read.value)
            }}
          />
        </Field>
      )
    default:
      return <YamlField label={label} about={about} fault={fault} value={value} onChange={set} />
  }
}

function isBig(value: Plain | undefined): boolean {
  return typeof value === 'object' && value !== null && JSON.stringify(value).length > 60
}

/** The problems that the server has at a setting, in words. */
export function faultOf(context: Context, path: Path, exact = false): string {
  const name = settingName(path)
  return context.problems
    .filter((one) => (exact ? one.setting === name : concerns(one.setting, name)))
    .map((one) => {
      const place = one.setting === name ? '' : `${one.setting}: `
      const rest = [one.expected && `expected ${one.expected}`, one.nearest && `did you mean ${one.nearest}?`]
      return [`${place}${one.title}`, ...rest.filter(Boolean)].join('; ')
    })
    .join(' ')
}

function helpOf(given: Schema, full: Schema): string {
  const text = given.description ?? full.description
  return typeof text === 'string' ? text.replaceAll('`', '') : ''
}

/** Keeps what is typed while it is typed, and takes what comes from elsewhere. */
export function Draft({
  value,
  onText,
  long,
  mono,
  numeric,
  ...rest
}: {
  value: string
  /** Gives false where the text cannot be read (yet): then it says so, and nothing is changed. */
  onText(text: string): unknown
  long?: boolean
  mono?: boolean
  numeric?: boolean
  placeholder?: string
  list?: string
  id?: string
  'aria-label'?: string
  'aria-describedby'?: string
  'aria-invalid'?: boolean
}) {
  const [text, setText] = useState(value)
  const [told, setTold] = useState(value)
  const [bad, setBad] = useState(false)
  if (told !== value) {
    setTold(value)
    // What came back may be spelt otherwise than it was typed (`1.` and `1`): it stays while it means the same.
    if (JSON.stringify(valueFrom(text)?.value ?? '') !== JSON.stringify(valueFrom(value)?.value ?? ''))
      setText(value)
  }
  const change = (next: string): void => {
    setText(next)
    setBad(onText(next) === false)
  }
  const control = long ? (
    <TextArea
      {...rest}
      value={text}
      rows={Math.min(16, Math.max(3, text.split('\n').length + 1))}
      className={mono ? css.mono : ''}
      spellCheck={!mono}
      onChange={(event) => change(event.target.value)}
    />
  ) : (
    <Input
      {...rest}
      value={text}
      inputMode={numeric ? 'decimal' : undefined}
      onChange={(event) => change(event.target.value)}
    />
  )
  return bad ? (
    <>
      {control}
      <p className="fault" role="alert">
        This cannot be read yet: a bracket or a quote is missing.
      </p>
    </>
  ) : (
    control
  )
}

export function Group({
  label,
  about,
  fault,
  folded,
  children,
}: {
  label: string
  about?: string
  fault?: string
  folded?: boolean
  children: React.ReactNode
}) {
  const id = useId()
  const body = (
    <>
      {about && <p className="help">{about}</p>}
      {fault && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      <div className={css.groupBody}>{children}</div>
    </>
  )
  if (folded === undefined) {
    return (
      <div className={`field ${css.group}`} role="group" aria-labelledby={id}>
        <h3 id={id}>{label}</h3>
        {body}
      </div>
    )
  }
  return (
    <details className={`field ${css.group}`} open={!folded}>
      <summary>{label}</summary>
      {body}
    </details>
  )
}

export function YamlField({
  label,
  about,
  fault,
  value,
  onChange,
}: {
  label: string
  about: string
  fault: string
  value: Plain | undefined
  onChange(value: Plain | undefined): void
}) {
  const [bad, setBad] = useState(false)
  useEffect(() => setBad(false), [])
  return (
    <Field label={`${label} (YAML)`} help={about} fault={bad ? 'This is not YAML.' : fault}>
      <Draft
        value={yamlText(value)}
        long
        mono
        onText={(next) => {
          const read = yamlOf(next)
          setBad(read === null)
          if (read !== null) onChange(read.value)
        }}
      />
    </Field>
  )
}

function ListOf({
  context,
  path,
  label,
  value,
  item,
  about,
}: SettingProps & { item: Schema; about: string }) {
  const items = Array.isArray(value) ? value : []
  return (
    <Group label={label} about={about} fault={faultOf(context, path, true)}>
      {items.map((one, index) => (
        <div key={index} className={css.entry}>
          <Setting
            context={context}
            path={[...path, index]}
            label={`${index + 1}`}
            schema={item}
            value={one}
          />
          <IconButton
            label={`Remove ${label} ${index + 1}`}
            icon="trash"
            onClick={() => context.set(path, leave(items, index))}
          />
        </div>
      ))}
      <Button icon="plus" onClick={() => context.set(path, [...items, {}])}>
        Add
      </Button>
    </Group>
  )
}

export function leave(items: readonly Plain[], index: number): Plain[] | undefined {
  const left = items.filter((_, n) => n !== index)
  return left.length > 0 ? left : undefined
}

function Names({
  context,
  path,
  label,
  value,
  inner,
  about,
}: SettingProps & { inner: Schema; about: string }) {
  const [fresh, setFresh] = useState('')
  const there = isRecord(value) ? value : {}
  const add = (): void => {
    const name = fresh.trim()
    if (name === '' || name in there) return
    const control = controlOf(name, inner, context.defs)
    context.set([...path, name], control.kind === 'object' ? {} : '')
    setFresh('')
  }
  return (
    <Group label={label} about={about} fault={faultOf(context, path, true)}>
      {Object.entries(there).map(([name, one]) => (
        <div key={name} className={css.entry}>
          <Setting
            context={context}
            path={[...path, name]}
            label={name}
            schema={{ ...inner, description: '' }}
            value={one}
          />
          <IconButton
            label={`Remove ${name}`}
            icon="trash"
            onClick={() => context.set([...path, name], undefined)}
          />
        </div>
      ))}
      <div className="row">
        <Input
          aria-label={`Name of a new entry of ${label}`}
          placeholder="name"
          value={fresh}
          onChange={(event) => setFresh(event.target.value)}
          onKeyDown={(event) => event.key === 'Enter' && add()}
        />
        <Button icon="plus" disabled={fresh.trim() === ''} onClick={add}>
          Add
        </Button>
      </div>
    </Group>
  )
}
