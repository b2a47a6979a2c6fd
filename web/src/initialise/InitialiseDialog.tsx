/** Starts a run by hand: with data or without, with variables, with steps skipped in this run only. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useRef, useState } from 'react'
import { call, startKey } from '~/api/client'
import type { RunRow, StartRequest } from '~/api/types'
import { Button } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { Field, Select, TextArea } from '~/components/Field'
import { Icon } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { ProblemNote } from '~/components/ProblemNote'
import type { Delivery } from '~/redrive/choices'
import { Plan } from '~/redrive/Plan'
import { Results } from '~/redrive/Results'
import { GiveData } from './GiveData'
import css from './initialise.module.css'
import { Skips, useStartForm, VariableFields } from './StartFields'
import type { InitialiseDialogProps } from './slot'
import { useStartPlan } from './useStartPlan'
import { missing } from './variables'

const DELIVERIES: { value: Delivery; label: string }[] = [
  { value: '', label: 'Leave out what did not change (default)' },
  { value: 'skip_delivered', label: 'Leave out what was delivered (skip_delivered)' },
  { value: 'send_changed', label: 'Send what has changed since (send_changed)' },
  { value: 'send_all', label: 'Send everything again (send_all)' },
]

export default function InitialiseDialog(props: InitialiseDialogProps) {
  const [flow, setFlow] = useState(props.flow ?? '')
  const [version, setVersion] = useState('')
  const [variables, setVariables] = useState<Readonly<Record<string, string>>>({})
  const [skips, setSkips] = useState<string[]>([])
  const [payloads, setPayloads] = useState<string[]>(props.payloads ?? [])
  const [delivery, setDelivery] = useState<Delivery>('')
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<unknown>(null)
  const [started, setStarted] = useState<RunRow | null>(null)
  const key = useRef('')
  const queries = useQueryClient()
  const form = useStartForm(flow, version || null)
  const flows = useQuery({
    queryKey: ['flows', 'start'],
    enabled: props.flow === undefined,
    queryFn: ({ signal }) => call('GET /api/v1/flows', { query: { limit: 500 }, signal }),
  })
  const versions = useQuery({
    queryKey: ['versions', flow],
    enabled: flow !== '',
    queryFn: ({ signal }) =>
      call('GET /api/v1/flows/{name}/versions', { path: { name: flow }, query: { limit: 50 }, signal }),
  })

  const lacking = form.data ? missing(form.data.variables, variables) : []
  const why =
    flow === ''
      ? 'Choose a flow.'
      : lacking.length > 0
        ? `It needs ${lacking.join(', ')}.`
        : delivery === 'send_all' && reason.trim() === ''
          ? 'Say why everything shall be sent again.'
          : ''
  const request = useMemo<StartRequest>(
    () => ({
      variables: { ...variables },
      payloads,
      skips,
      version: version || null,
      delivery: (delivery || null) as NonNullable<StartRequest['delivery']> | null,
      reason: reason.trim() || null,
      clock: null,
    }),
    [variables, payloads, skips, version, delivery, reason],
  )
  const plan = useStartPlan(flow, request, form.data !== undefined && why === '' && started === null)
  const touched = <T,>(set: (value: T) => void) => {
    return (value: T): void => {
      key.current = ''
      set(value)
    }
  }
  const start = async (): Promise<void> => {
    setBusy(true)
    setProblem(null)
    key.current ||= startKey()
    try {
      const row = await call('POST /api/v1/flows/{name}/runs', {
        path: { name: flow },
        query: { trigger: 'manual' },
        headers: { 'Idempotency-Key': key.current },
        body: request,
      })
      setStarted(row)
      void queries.invalidateQueries({ queryKey: ['runs'] })
      props.onStarted?.(row.id)
    } catch (thrown) {
      setProblem(thrown)
    }
    setBusy(false)
  }
  return (
    <Dialog
      open
      onClose={props.onClose}
      size="wide"
      title={flow ? `Run ${flow}` : 'Start a run'}
      about="Initialise it with data, or let it pull its own. Nothing of the flow is changed."
      actions={
        started ? (
          <Button kind="primary" onClick={props.onClose}>
            Close
          </Button>
        ) : (
          <>
            <span role="status" className="quiet grow">
              {why}
            </span>
            <Button onClick={props.onClose}>Cancel</Button>
            <Button kind="primary" icon="play" busy={busy} disabled={why !== ''} onClick={() => void start()}>
              {payloads.length > 0 ? 'Run with this data' : 'Run'}
            </Button>
          </>
        )
      }
    >
      {started ? (
        <Results run={started} />
      ) : (
        <div className={css.columns}>
          <div>
            {form.data && form.data.deployed_skips.length > 0 && (
              <p className={css.warning} role="note">
                <Icon name="warning" label="Warning" />
                <span>
                  The deployed version skips <code>{form.data.deployed_skips.join(', ')}</code> in every run,
                  those of its triggers too. Take the skips off again when you are done.
                </span>
              </p>
            )}
            {props.flow === undefined && (
              <Field label="Flow">
                <Select
                  value={flow}
                  onChange={touched((next: string) => {
                    setFlow(next)
                    setVersion('')
                    setVariables({})
                    setSkips([])
                  })}
                  options={[
                    { value: '', label: 'Choose a flow' },
                    ...(flows.data?.items ?? []).map((one) => ({ value: one.name, label: one.name })),
                  ]}
                />
              </Field>
            )}
            {(form.error ?? flows.error) && <ProblemNote error={form.error ?? flows.error} />}
            {form.isLoading && <Loading />}
            <fieldset className={css.group}>
              <legend>Data</legend>
              {flow && (
                <GiveData
                  flow={flow}
                  run={props.run ?? null}
                  like={null}
                  given={payloads}
                  onGiven={touched(setPayloads)}
                />
              )}
            </fieldset>
          </div>
          <div>
            {form.data && (
              <VariableFields form={form.data} values={variables} onChange={touched(setVariables)} />
            )}
            {form.data && <Skips form={form.data} chosen={skips} onChange={touched(setSkips)} />}
            <Field label="Version">
              <Select
                value={version}
                onChange={touched(setVersion)}
                options={[
                  { value: '', label: 'The deployed one, else the draft' },
                  { value: 'draft', label: 'The draft' },
                  ...(versions.data?.items ?? [])
                    .filter((one) => one.state !== 'draft')
                    .map((one) => ({
                      value: String(one.number),
                      label: `Version ${one.number} · ${one.state}`,
                    })),
                ]}
              />
            </Field>
            <Field label="Delivery">
              <Select
                value={delivery}
                options={DELIVERIES}
                onChange={touched((next: string) => setDelivery(next as Delivery))}
              />
            </Field>
            {delivery === 'send_all' && (
              <Field label="Reason">
                <TextArea
                  rows={2}
                  value={reason}
                  onChange={(event) => touched(setReason)(event.target.value)}
                />
              </Field>
            )}
            {form.data && (
              <Plan
                plan={plan.plan}
                one={plan.one}
                problem={plan.problem}
                busy={plan.busy}
                lacks={why || null}
              />
            )}
            {problem !== null && <ProblemNote error={problem} />}
          </div>
        </div>
      )}
    </Dialog>
  )
}
