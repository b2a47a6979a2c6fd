/** What stands beside the steps: what the flow is for, its triggers, variables and settings. */

import { useQuery } from '@tanstack/react-query'
import { call } from '~/api/client'
import type { ProblemView } from '~/api/types'
import { IconButton } from '~/components/Button'
import { Field } from '~/components/Field'
import { Loading } from '~/components/Loading'
import { Menu } from '~/components/Menu'
import { ProblemNote } from '~/components/ProblemNote'
import { type Context, Draft, faultOf, Group, Setting } from './controls'
import css from './flow.module.css'
import type { Schema } from './formModel'
import { isRecord, type Path, type Plain } from './reading'
import { words } from './StepForm'

const FIRST: Record<string, Plain> = {
  schedule: { cron: '0 * * * *', timezone: 'UTC' },
  webhook: {},
  callback: {},
  event: { connection: '', source: '' },
}

interface Props {
  data: { [key: string]: Plain }
  problems: readonly ProblemView[]
  set(path: Path, value: Plain | undefined, key?: string): void
}

export function FlowForm({ data, problems, set }: Props) {
  const found = useQuery({
    queryKey: ['schema', 'flow'],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => call('GET /api/v1/schemas/{kind}', { path: { kind: 'flow' }, signal }),
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the form" />
  const schema = found.data as Schema
  const defs = isRecord(schema.$defs) ? schema.$defs : {}
  const properties = isRecord(schema.properties) ? (schema.properties as Record<string, Schema>) : {}
  const trigger = (isRecord(defs.TriggerForm) ? (defs.TriggerForm.properties ?? {}) : {}) as Record<
    string,
    Schema
  >
  const context: Context = {
    defs,
    problems,
    set: (path, value) => set(path, value, `flow:${path.join('.')}`),
  }
  const triggers = Array.isArray(data.triggers) ? data.triggers : []
  const kinds = Object.keys(trigger).length > 0 ? Object.keys(trigger) : Object.keys(FIRST)
  return (
    <div className={css.flowForm}>
      <section>
        <Field
          label="Name"
          help="Saving under another name makes another flow."
          fault={faultOf(context, ['flow'])}
        >
          <Draft value={String(data.flow ?? '')} onText={(text) => context.set(['flow'], text)} />
        </Field>
        <Field label="Description" fault={faultOf(context, ['description'])}>
          <Draft
            long
            value={String(data.description ?? '')}
            onText={(text) => context.set(['description'], text || undefined)}
          />
        </Field>
      </section>
      <section>
        <Group
          label="Triggers"
          about="What starts runs by itself, once the flow is deployed and its triggers are on."
        >
          {triggers.map((one, index) => {
            const [kind = '', settings] = isRecord(one) ? (Object.entries(one)[0] ?? []) : []
            return (
              <div key={index} className={css.entry}>
                <div className="grow">
                  <Setting
                    context={context}
                    path={['triggers', index, kind]}
                    label={words(kind)}
                    schema={trigger[kind] ?? {}}
                    value={settings ?? {}}
                  />
                </div>
                <IconButton
                  label={`Remove the ${kind}`}
                  icon="trash"
                  onClick={() =>
                    triggers.length === 1 ? set(['triggers'], undefined) : set(['triggers', index], undefined)
                  }
                />
              </div>
            )
          })}
          <Menu
            label="Add a trigger"
            className="button"
            trigger="Add a trigger"
            items={kinds.map((kind) => ({
              label: words(kind),
              act: () => set(['triggers'], [...triggers, { [kind]: FIRST[kind] ?? {} }]),
            }))}
          />
        </Group>
      </section>
      <section>
        <Setting
          context={context}
          path={['variables']}
          label="Variables"
          schema={properties.variables ?? {}}
          value={data.variables}
        />
      </section>
      <section>
        <Setting
          context={context}
          path={['settings']}
          label="Settings"
          schema={properties.settings ?? {}}
          value={data.settings ?? {}}
        />
      </section>
    </div>
  )
}
