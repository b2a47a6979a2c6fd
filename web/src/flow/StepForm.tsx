/** The settings of one step, made from the schema of its shape. */

import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { call } from '~/api/client'
import type { ProblemView, ShapeView } from '~/api/types'
import { Button, IconButton } from '~/components/Button'
import { Checkbox, Field, Select } from '~/components/Field'
import { plural } from '~/components/format'
import { Menu } from '~/components/Menu'
import { ConditionField } from './ConditionField'
import { type Context, Draft, faultOf, Group, Setting, YamlField } from './controls'
import css from './flow.module.css'
import type { Schema } from './formModel'
import { type PathOf, pathTo, type Step } from './graphModel'
import { isRecord, type Path, type Plain } from './reading'
import { templatesFor } from './samples'
import type { Samples } from './useSamples'

export interface StepActs {
  set(path: Path, value: Plain | undefined, key?: string): void
  rename(step: Step, id: string): void
  remove(step: Step): void
  duplicate(step: Step): void
  copy(step: Step): void
  move(step: Step, by: number): void
  addPath(step: Step, kind: PathOf['kind']): void
}

interface Props extends StepActs {
  step: Step
  shape: ShapeView | undefined
  problems: readonly ProblemView[]
  samples: Samples
  variables: readonly string[]
}

const MORE: [string, Schema][] = [
  [
    'retries',
    { type: 'integer', description: 'How often a failed payload is tried again; default: by the shape.' },
  ],
  [
    'timeout',
    {
      anyOf: [{ type: 'number' }, { type: 'string' }],
      description: 'How long one attempt may take: seconds, or 30m. Default 30 minutes.',
    },
  ],
  [
    'missing',
    {
      enum: ['error', 'empty', 'skip_item'],
      default: 'error',
      description: 'What a template does where its path finds nothing.',
    },
  ],
]

export function StepForm(props: Props) {
  const { step, shape, problems, samples } = props
  const root = pathTo(step)
  const schema = (shape?.settings_schema ?? {}) as Schema
  const context: Context = {
    defs: isRecord(schema.$defs) ? schema.$defs : {},
    problems,
    set: (path, value) => props.set([...root, ...path], value, `${root.join('.')}:${path.join('.')}`),
  }
  const properties = Object.entries(isRecord(schema.properties) ? schema.properties : {}) as [
    string,
    Schema,
  ][]
  const required = Array.isArray(schema.required) ? schema.required : []
  const owned = new Set((shape?.owns_steps ?? []).map((one) => one.split('.')[0]?.replace('[]', '')))
  const known = new Set([
    ...properties.map(([name]) => name),
    ...['id', 'shape', 'name', 'note', 'skip', 'retries', 'timeout', 'missing'],
    ...owned,
  ])
  const strange = Object.keys(step.data).filter((name) => !known.has(name))
  const templates = useMemo(() => templatesFor(samples.paths, props.variables), [samples, props.variables])
  const other = problems.filter((one) => !one.setting || one.setting === 'shape')
  return (
    <div className={css.form}>
      <datalist id="flow-paths">
        {samples.paths.map((path) => (
          <option key={path} value={path} />
        ))}
      </datalist>
      <datalist id="flow-templates">
        {templates.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <header className={css.formHead}>
        <h2 className="one-line grow">{step.name || step.id}</h2>
        <Checkbox
          label="Skip"
          checked={step.skip}
          onChange={(on) => context.set(['skip'], on ? true : undefined)}
        />
        <Menu
          label={`More for ${step.id}`}
          items={[
            { label: 'Move up', icon: 'up', disabled: step.index === 0, act: () => props.move(step, -1) },
            { label: 'Move down', icon: 'down', act: () => props.move(step, 1) },
            { label: 'Copy', icon: 'copy', act: () => props.copy(step) },
            { label: 'Duplicate', icon: 'plus', act: () => props.duplicate(step) },
            'line',
            { label: 'Delete', icon: 'trash', danger: true, act: () => props.remove(step) },
          ]}
        />
      </header>
      {shape && <p className="quiet small">{shape.summary}</p>}
      {other.map((one) => (
        <p key={one.title} className={css.fault} role="alert">
          {one.title}
          {one.nearest ? `; did you mean ${one.nearest}?` : ''}
        </p>
      ))}
      <Field label="Id" help="Unique in the flow." fault={faultOf(context, ['id'])}>
        <Draft value={step.id} onText={(id) => props.rename(step, id)} />
      </Field>
      <Field label="Name" fault={faultOf(context, ['name'])}>
        <Draft value={step.name} onText={(text) => context.set(['name'], text || undefined)} />
      </Field>
      {step.shape === 'connector' ? (
        <ConnectorSettings step={step} context={context} properties={properties} />
      ) : (
        properties
          .filter(([name]) => !owned.has(name))
          .map(([name, inner]) => (
            <Setting
              key={name}
              context={context}
              path={[name]}
              label={words(name)}
              schema={inner}
              value={step.data[name]}
              required={required.includes(name)}
            />
          ))
      )}
      {strange.map((name) => (
        <YamlField
          key={name}
          label={name}
          about="The shape does not describe this setting."
          fault={faultOf(context, [name])}
          value={step.data[name]}
          onChange={(value) => context.set([name], value)}
        />
      ))}
      {owned.size > 0 && <Paths {...props} context={context} owned={owned} />}
      {samples.paths.length > 0 && <p className="quiet small">Fields are completed from {samples.from}.</p>}
      <Group label="More" folded={!MORE.some(([name]) => name in step.data) && step.note === ''}>
        <Field label="Note" help="A remark for whoever reads the flow.">
          <Draft long value={step.note} onText={(text) => context.set(['note'], text || undefined)} />
        </Field>
        {MORE.map(([name, inner]) => (
          <Setting
            key={name}
            context={context}
            path={[name]}
            label={words(name)}
            schema={inner}
            value={step.data[name]}
          />
        ))}
      </Group>
    </div>
  )
}

export function words(name: string): string {
  const text = name.replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function Paths({
  step,
  owned,
  context,
  addPath,
  set,
}: Props & { owned: Set<string | undefined>; context: Context }) {
  const has = (kind: string): boolean => step.paths.some((path) => path.kind === kind)
  return (
    <Group label="Paths">
      {step.paths.map((path, index) => {
        if (path.kind !== 'path') {
          return (
            <p key={path.label} className="row">
              <span className="grow">
                <strong>{path.label}</strong>{' '}
                <span className="quiet">{plural(path.steps.length, 'step')}</span>
              </span>
              {path.kind !== 'steps' && (
                <IconButton
                  label={`Remove ${path.label} and its steps`}
                  icon="trash"
                  onClick={() => context.set([path.kind], undefined)}
                />
              )}
            </p>
          )
        }
        const at: Path = ['paths', index]
        return (
          <div key={index} className={css.entry}>
            <div className="grow">
              <Field label={`Path ${index + 1}`} fault={faultOf(context, [...at, 'id'])}>
                <Draft value={path.label} onText={(id) => context.set([...at, 'id'], id)} />
              </Field>
              {step.shape === 'route' && (
                <>
                  <ConditionField
                    value={path.when}
                    path={[...at, 'when']}
                    context={context}
                    optional
                    onChange={(value) => context.set([...at, 'when'], value)}
                  />
                  <p className={css.fault}>{faultOf(context, [...at, 'when'])}</p>
                </>
              )}
            </div>
            <IconButton
              label={`Remove path ${path.label} and its steps`}
              icon="trash"
              disabled={step.paths.filter((one) => one.kind === 'path').length < 2}
              onClick={() => set([...pathTo(step), ...at], undefined)}
            />
          </div>
        )
      })}
      <div className="row">
        {owned.has('paths') && (
          <Button icon="plus" onClick={() => addPath(step, 'path')}>
            Add a path
          </Button>
        )}
        {owned.has('otherwise') && !has('otherwise') && (
          <Button icon="plus" onClick={() => addPath(step, 'otherwise')}>
            Add otherwise
          </Button>
        )}
        {owned.has('catch') && !has('catch') && (
          <Button icon="plus" onClick={() => addPath(step, 'catch')}>
            Add catch
          </Button>
        )}
      </div>
    </Group>
  )
}

function ConnectorSettings({
  step,
  context,
  properties,
}: {
  step: Step
  context: Context
  properties: [string, Schema][]
}) {
  const connections = useQuery({
    queryKey: ['canvas', 'connections'],
    queryFn: ({ signal }) => call('GET /api/v1/connections', { signal }),
  })
  const chosen = String(step.data.connection ?? '')
  const connector = connections.data?.items.find((one) => one.name === chosen)?.connector
  const shown = useQuery({
    queryKey: ['canvas', 'connector', connector],
    enabled: connector !== undefined,
    queryFn: ({ signal }) =>
      call('GET /api/v1/connectors/{name}', { path: { name: connector ?? '' }, signal }),
  })
  const endpoints = shown.data?.endpoints ?? []
  const endpoint = endpoints.find((one) => one.name === step.data.endpoint)
  const given = isRecord(step.data.with) ? step.data.with : {}
  const parameters = endpoint?.parameters ?? []
  const sends = endpoint?.direction === 'send'
  const rest = properties.filter(([name]) => !['connection', 'endpoint', 'with'].includes(name))
  const listed = (names: string[], held: string) => [
    { value: '', label: 'Choose…' },
    ...names,
    ...(held && !names.includes(held) ? [held] : []),
  ]
  return (
    <>
      <Field label="Connection (required)" fault={faultOf(context, ['connection'])}>
        <Select
          value={chosen}
          options={listed(connections.data?.items.map((one) => one.name) ?? [], chosen)}
          onChange={(name) => context.set(['connection'], name)}
        />
      </Field>
      <Field
        label="Endpoint (required)"
        fault={faultOf(context, ['endpoint'])}
        help={
          endpoint &&
          [endpoint.direction, endpoint.method, endpoint.path, endpoint.description]
            .filter(Boolean)
            .join(' · ')
        }
      >
        <Select
          value={String(step.data.endpoint ?? '')}
          options={listed(
            endpoints.map((one) => one.name),
            String(step.data.endpoint ?? ''),
          )}
          onChange={(name) => context.set(['endpoint'], name)}
        />
      </Field>
      {parameters
        .filter((one) => !(one.name in given))
        .map((one) => (
          <Setting
            key={one.name}
            context={context}
            path={['with', one.name]}
            label={`with ${one.name}`}
            schema={{ description: one.description ?? '' }}
            value={undefined}
            required={one.required}
          />
        ))}
      <Setting
        context={context}
        path={['with']}
        label="With"
        schema={(properties.find(([name]) => name === 'with')?.[1] ?? {}) as Schema}
        value={step.data.with}
      />
      {rest
        .filter(([name]) => sends || name in step.data || endpoint === undefined)
        .map(([name, inner]) => (
          <Setting
            key={name}
            context={context}
            path={[name]}
            label={words(name)}
            schema={inner}
            value={step.data[name]}
          />
        ))}
    </>
  )
}
