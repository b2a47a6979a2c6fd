/** The flow under edit: canvas, form and YAML beside each other, versions and runs behind tabs. */

import { useQueryClient } from '@tanstack/react-query'
import { useBlocker, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useMemo, useState } from 'react'
import { call } from '~/api/client'
import { asProblem } from '~/api/problem'
import type { ShapeView } from '~/api/types'
import { Button, IconButton } from '~/components/Button'
import { Dialog } from '~/components/Dialog'
import { plural } from '~/components/format'
import { Menu } from '~/components/Menu'
import { toast } from '~/components/Toasts'
import { useView } from '~/routes/hooks'
import { useKeys } from '~/shell/shortcuts'
import { BuildView } from './BuildView'
import { FlowForm } from './FlowForm'
import { FlowRuns } from './FlowRuns'
import css from './flow.module.css'
import { StartDialog, startRun } from './StartDialog'
import { set } from './steps'
import { draftTag, readStored, saveDraft } from './storing'
import { useEditor } from './useEditor'
import { useFlow } from './useFlow'
import { DeployDialog, Versions } from './Versions'

const Initialise = lazy(() => import('~/initialise/InitialiseDialog'))

interface Props {
  name: string
  initial: string
  isNew: boolean
  tag: string
  shapes: readonly ShapeView[]
}

const TABS = [
  ['build', 'Build'],
  ['settings', 'Triggers and settings'],
  ['versions', 'Versions'],
  ['runs', 'Runs'],
] as const

export function Builder({ name, initial, isNew, tag: firstTag, shapes }: Props) {
  const [view, change] = useView()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const known = useMemo(() => new Map(shapes.map((one) => [one.shape, one])), [shapes])
  const editor = useEditor(name, initial, isNew, known)
  const [exists, setExists] = useState(!isNew)
  const [tag, setTag] = useState(firstTag)
  const [busy, setBusy] = useState<'save' | 'run' | null>(null)
  const [conflict, setConflict] = useState(false)
  const [deploying, setDeploying] = useState<number | 'draft' | null>(null)
  const [starting, setStarting] = useState<string | null>(null)
  const [giving, setGiving] = useState(false)
  const flow = useFlow(name, exists)
  const tab = TABS.some(([id]) => id === view.tab) ? view.tab : 'build'
  const run = view.run
  const refresh = useCallback(
    () =>
      Promise.all(
        ['flow', 'flows', 'flow-versions', 'flow-diff', 'versions'].map((key) =>
          queries.invalidateQueries({ queryKey: [key] }),
        ),
      ),
    [queries],
  )

  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => editor.dirty && current.pathname !== next.pathname,
    enableBeforeUnload: () => editor.dirty,
    withResolver: true,
  })

  /** Whether the draft is stored now. */
  const save = useCallback(
    async (force = false): Promise<boolean> => {
      if (!editor.dirty && exists) return true
      setBusy('save')
      try {
        const text = editor.text
        const saved = await saveDraft(name, text, force ? null : tag)
        editor.stored(text)
        setExists(true)
        setConflict(false)
        setTag(await draftTag(saved))
        await refresh()
        if (saved !== name)
          void navigate({ to: '/flows/$flow', params: { flow: saved } as never, ignoreBlocker: true })
        else if (view.new) change({ new: null })
        return true
      } catch (thrown) {
        if (asProblem(thrown).code === 'draft.changed') setConflict(true)
        else toast.problem(thrown)
        return false
      } finally {
        setBusy(null)
      }
    },
    [editor, exists, name, tag, refresh, navigate, change, view.new],
  )

  const start = async (version: string, variables: Record<string, never> | null): Promise<void> => {
    if (version === 'draft' && !(await save())) return
    const declared = Object.keys((editor.data.variables as object | undefined) ?? {})
    if (variables === null && declared.length > 0) {
      setStarting(version)
      return
    }
    setBusy('run')
    try {
      const made = await startRun(name, version, variables ?? {})
      setStarting(null)
      change({ run: made.id, tab: null, panel: 'run' })
      await queries.invalidateQueries({ queryKey: ['runs'] })
    } catch (thrown) {
      toast.problem(thrown)
    } finally {
      setBusy(null)
    }
  }
  const deploy = async (version: number | null, note: string): Promise<void> => {
    try {
      const done = await call('POST /api/v1/flows/{name}/deploy', {
        path: { name },
        body: { version, note: note || null },
      })
      toast.done(`Version ${done.number} is deployed`)
      setDeploying(null)
      await refresh()
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  const restore = async (version: number): Promise<void> => {
    if (editor.dirty && !(await save())) return
    try {
      const done = await call('POST /api/v1/flows/{name}/restore', { path: { name }, body: { version } })
      const stored = await readStored(name)
      editor.replace(stored.text)
      setTag(stored.tag)
      toast.done(
        `Version ${version} is the draft now${done.kept === null ? '' : `; the draft before is kept as version ${done.kept}`}`,
      )
      await refresh()
    } catch (thrown) {
      toast.problem(thrown)
    }
  }
  const theirs = async (): Promise<void> => {
    const stored = await readStored(name)
    editor.replace(stored.text)
    setTag(stored.tag)
    setConflict(false)
  }
  const enable = async (): Promise<void> => {
    try {
      await call('PATCH /api/v1/flows/{name}', { path: { name }, body: { enabled: !flow?.enabled } })
      await refresh()
    } catch (thrown) {
      toast.problem(thrown)
    }
  }

  useKeys({
    'Mod+s': () => void save().then((done) => done && toast.done('The draft is saved')),
    'Mod+Enter': () => void start('draft', null),
  })
  const skips = editor.warnings.filter((one) => one.includes('skip'))
  return (
    <div className="page-full">
      <header className={`page-head ${css.head}`}>
        <h1 className="one-line">{name}</h1>
        {flow?.deployed ? (
          <span className="badge good">deployed: version {flow.deployed}</span>
        ) : (
          <span className="badge">not deployed</span>
        )}
        {flow && !flow.enabled && <span className="badge warn">triggers off</span>}
        <span className="small quiet" role="status">
          {editor.dirty ? 'Unsaved changes' : exists ? 'Saved' : 'New'}
        </span>
        <span className="grow" />
        <Button
          icon="check"
          busy={busy === 'save'}
          disabled={!editor.dirty && exists}
          onClick={() => void save()}
        >
          Save
        </Button>
        <Button
          icon="play"
          busy={busy === 'run'}
          disabled={editor.problems.length > 0}
          onClick={() => void start('draft', null)}
        >
          Run
        </Button>
        <Button
          kind="primary"
          icon="upload"
          disabled={editor.problems.length > 0}
          onClick={() => void save().then((done) => done && setDeploying('draft'))}
        >
          Deploy
        </Button>
        <Menu
          label="More for the flow"
          items={[
            {
              label: 'Run the deployed version',
              icon: 'play',
              disabled: !flow?.deployed,
              act: () => void start('deployed', null),
            },
            {
              label: 'Run with data…',
              icon: 'upload',
              disabled: editor.problems.length > 0,
              act: () => void save().then((stored) => stored && setGiving(true)),
            },
            {
              label: 'Export',
              icon: 'download',
              href: `/api/v1/flows/${encodeURIComponent(name)}/document?version=draft`,
              download: true,
            },
            { label: flow?.enabled ? 'Turn triggers off' : 'Turn triggers on', act: () => void enable() },
          ]}
        />
      </header>
      {(flow?.warnings ?? []).length > 0 && (
        <p className={css.banner} role="status">
          Deployed: {flow?.warnings?.join('; ')}
        </p>
      )}
      <nav className={css.tabs} aria-label="Parts of the flow">
        {TABS.map(([id, label]) => (
          <button
            key={id}
            type="button"
            className="tab"
            aria-current={id === tab ? 'page' : undefined}
            data-active={id === tab ? '' : undefined}
            onClick={() => change({ tab: id === 'build' ? null : id }, { push: true })}
          >
            {label}
          </button>
        ))}
        <span className="grow" />
        <IconButton label="Undo (Ctrl+Z)" icon="undo" disabled={!editor.canUndo} onClick={editor.undo} />
        <IconButton label="Redo (Ctrl+Y)" icon="redo" disabled={!editor.canRedo} onClick={editor.redo} />
        <span className="small" role="status">
          {editor.problems.length > 0 ? (
            <span className="badge bad">{plural(editor.problems.length, 'problem')}</span>
          ) : (
            <span className="badge good">valid</span>
          )}
        </span>
      </nav>
      {tab === 'build' && <BuildView editor={editor} shapes={shapes} known={known} run={run} />}
      {tab === 'settings' && (
        <FlowForm
          data={editor.data}
          problems={editor.problems}
          set={(path, value, key) => editor.change((text) => set(text, path, value), key)}
        />
      )}
      {tab === 'versions' && exists && (
        <Versions
          flow={name}
          hasDraft={flow?.draft ?? false}
          onRestore={(version) => void restore(version)}
          onDeploy={setDeploying}
          onRun={(version) => void start(version, null)}
        />
      )}
      {tab === 'runs' && exists && <FlowRuns flow={name} />}
      {(tab === 'versions' || tab === 'runs') && !exists && (
        <p className={css.pad}>Save the flow first: then it has versions and runs.</p>
      )}
      {deploying !== null && (
        <DeployDialog
          flow={name}
          version={deploying === 'draft' ? null : deploying}
          warnings={skips}
          onClose={() => setDeploying(null)}
          onDeploy={(note) => deploy(deploying === 'draft' ? null : deploying, note)}
        />
      )}
      {giving && (
        <Suspense fallback={null}>
          <Initialise flow={name} onClose={() => setGiving(false)} />
        </Suspense>
      )}
      {starting !== null && (
        <StartDialog
          variables={editor.data.variables}
          busy={busy === 'run'}
          onClose={() => setStarting(null)}
          onStart={(variables) => void start(starting, variables as Record<string, never>)}
        />
      )}
      <Dialog
        open={conflict}
        onClose={() => setConflict(false)}
        title="Somebody else has saved this draft"
        actions={
          <>
            <Button onClick={() => setConflict(false)}>Look again</Button>
            <Button onClick={() => void theirs()}>Take theirs</Button>
            <Button kind="danger" onClick={() => void save(true)}>
              Overwrite it
            </Button>
          </>
        }
      >
        <p>
          Since you opened it, the draft was changed elsewhere. Nothing was stored. Take theirs, and yours can
          be brought back by Undo; or overwrite it.
        </p>
      </Dialog>
      <Dialog
        open={blocker.status === 'blocked'}
        onClose={() => blocker.reset?.()}
        title="Leave without saving?"
        actions={
          <>
            <Button onClick={() => blocker.reset?.()}>Stay</Button>
            <Button kind="danger" onClick={() => blocker.proceed?.()}>
              Leave
            </Button>
            <Button
              kind="primary"
              onClick={() => void save().then((done) => (done ? blocker.proceed?.() : blocker.reset?.()))}
            >
              Save and leave
            </Button>
          </>
        }
      >
        <p>The changes of {name} are not saved.</p>
      </Dialog>
    </div>
  )
}
