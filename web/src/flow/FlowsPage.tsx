/** All flows, and the ways to a new one: from nothing, from an example, from a file. */

import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { call } from '~/api/client'
import type { FlowView, RunRow } from '~/api/types'
import { Button } from '~/components/Button'
import { type Column, DataTable } from '~/components/DataTable'
import { Dialog } from '~/components/Dialog'
import { Empty } from '~/components/Empty'
import { Field, Input, Select } from '~/components/Field'
import { Icon } from '~/components/Icon'
import { Loading } from '~/components/Loading'
import { Menu } from '~/components/Menu'
import { ProblemNote } from '~/components/ProblemNote'
import { StatusIcon } from '~/components/StatusIcon'
import { toast } from '~/components/Toasts'
import { Time } from '~/components/Values'
import { useTitle, useView } from '~/routes/hooks'
import css from './flow.module.css'
import { TEMPLATES } from './templates'

export default function FlowsPage() {
  useTitle('Flows')
  const [view, change] = useView()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const file = useRef<HTMLInputElement>(null)
  const found = useInfiniteQuery({
    queryKey: ['flows'],
    queryFn: ({ pageParam, signal }) =>
      call('GET /api/v1/flows', { query: { limit: 100, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next ?? null,
  })
  if (found.error) return <ProblemNote error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Loading what="Reading the flows" />
  const text = (view.q ?? '').toLowerCase()
  const flows = found.data.pages.flatMap((page) => page.items)
  const rows = flows.filter((flow) => flow.name.toLowerCase().includes(text))
  const open = (name: string) => void navigate({ to: '/flows/$flow', params: { flow: name } as never })
  const enable = async (flow: FlowView): Promise<void> => {
    try {
      await call('PATCH /api/v1/flows/{name}', {
        path: { name: flow.name },
        body: { enabled: !flow.enabled },
      })
      await queries.invalidateQueries({ queryKey: ['flows'] })
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  const take = async (files: FileList | null): Promise<void> => {
    if (files === null || files.length === 0) return
    try {
      const documents = await Promise.all(
        [...files].map(async (one) => ({ filename: one.name, text: await one.text() })),
      )
      const done = await call('POST /api/v1/imports', { body: { documents } })
      toast.done(`Imported: ${done.items.map((one) => `${one.kind} ${one.name} (${one.result})`).join(', ')}`)
      await queries.invalidateQueries({ queryKey: ['flows'] })
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  const columns: Column<FlowView>[] = [
    {
      id: 'name',
      head: 'Flow',
      cell: (flow) => (
        <Link to="/flows/$flow" params={{ flow: flow.name } as never}>
          {flow.name}
        </Link>
      ),
    },
    {
      id: 'deployed',
      head: 'Deployed',
      width: '110px',
      cell: (flow) =>
        flow.deployed === null ? (
          <span className="quiet">{flow.draft ? 'draft only' : 'no'}</span>
        ) : (
          `version ${flow.deployed}`
        ),
    },
    {
      id: 'enabled',
      head: 'Triggers',
      width: '90px',
      wide: true,
      cell: (flow) => (flow.enabled ? 'on' : <span className="badge">off</span>),
    },
    { id: 'last', head: 'Last run', width: '230px', cell: (flow) => <LastRun flow={flow.name} /> },
    {
      id: 'warnings',
      head: 'Warnings',
      wide: true,
      cell: (flow) =>
        (flow.warnings ?? []).map((one) => (
          <span key={one} className="badge warn" title={one}>
            <Icon name="warning" size={13} /> {one.replace(/^\S+:\d+: /, '')}
          </span>
        )),
    },
    {
      id: 'more',
      head: '',
      width: '52px',
      cell: (flow) => (
        <Menu
          label={`More for ${flow.name}`}
          items={[
            {
              label: 'Export',
              icon: 'download',
              href: `/api/v1/flows/${encodeURIComponent(flow.name)}/document`,
              download: true,
            },
            { label: 'Runs', icon: 'list', href: `/runs?flow=${encodeURIComponent(flow.name)}` },
            {
              label: flow.enabled ? 'Turn triggers off' : 'Turn triggers on',
              icon: flow.enabled ? 'stop' : 'play',
              act: () => void enable(flow),
            },
          ]}
        />
      ),
    },
  ]
  return (
    <div className="page-full">
      <header className="page-head">
        <h1>Flows</h1>
        <Input
          type="search"
          aria-label="Search flows"
          placeholder="Search flows"
          className={css.search}
          value={view.q ?? ''}
          onChange={(event) => change({ q: event.target.value })}
        />
        <span className="grow" />
        <input
          ref={file}
          type="file"
          multiple
          hidden
          accept=".yaml,.yml,.json"
          onChange={(event) => void take(event.target.files)}
        />
        <Button icon="upload" onClick={() => file.current?.click()}>
          Import
        </Button>
        <Button kind="primary" icon="plus" onClick={() => change({ new: '1' })}>
          New flow
        </Button>
      </header>
      <DataTable
        label="Flows"
        rows={rows}
        columns={columns}
        rowKey={(flow) => flow.name}
        onOpen={(flow) => open(flow.name)}
        onEnd={() => found.hasNextPage && !found.isFetching && void found.fetchNextPage()}
        empty={
          <Empty icon="flow" title={text ? 'No flow is called so' : 'There is no flow yet'}>
            {text ? 'Search for a part of its name.' : 'Press New flow, or import a file.'}
          </Empty>
        }
      />
      {view.new && (
        <NewFlow
          taken={flows.map((flow) => flow.name)}
          onClose={() => change({ new: null })}
          onMake={(name, template) =>
            void navigate({
              to: '/flows/$flow',
              params: { flow: name } as never,
              search: { new: template } as never,
            })
          }
        />
      )}
    </div>
  )
}

function LastRun({ flow }: { flow: string }) {
  const found = useQuery({
    queryKey: ['runs', 'last', flow],
    queryFn: ({ signal }) => call('GET /api/v1/runs', { query: { flow, limit: 1 }, signal }),
    staleTime: 15_000,
  })
  const run: RunRow | undefined = found.data?.items[0]
  if (run === undefined) return <span className="quiet">{found.isPending ? '' : 'never'}</span>
  return (
    <Link to="/runs/$run" params={{ run: run.id } as never} className="row">
      <StatusIcon status={run.status} healed={Boolean(run.healed_by)} words />{' '}
      <Time at={run.queued_at} relative />
    </Link>
  )
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/

function NewFlow({
  taken,
  onClose,
  onMake,
}: {
  taken: string[]
  onClose(): void
  onMake(name: string, template: string): void
}) {
  const [name, setName] = useState('')
  const [template, setTemplate] = useState('empty')
  const fault = taken.includes(name)
    ? 'There is a flow of this name.'
    : name !== '' && (!NAME.test(name) || /\.(ya?ml|json)$/.test(name))
      ? 'Letters, digits, dots, hyphens and underscores; a letter or digit first.'
      : ''
  const ready = name !== '' && fault === ''
  return (
    <Dialog
      open
      onClose={onClose}
      title="New flow"
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" disabled={!ready} onClick={() => onMake(name, template)}>
            Build it
          </Button>
        </>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (ready) onMake(name, template)
        }}
      >
        <Field label="Name" fault={fault}>
          <Input
            autoFocus
            value={name}
            placeholder="orders-to-erp"
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <Field label="Begin with" help={TEMPLATES[template]?.about}>
          <Select
            value={template}
            options={Object.entries(TEMPLATES).map(([value, one]) => ({ value, label: one.title }))}
            onChange={setTemplate}
          />
        </Field>
      </form>
    </Dialog>
  )
}
