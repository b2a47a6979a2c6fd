/** Palette, canvas, and beside them the form of the chosen step, the YAML, or what a run did. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useCallback, useMemo, useState } from 'react'
import { call } from '~/api/client'
import { useRunEvents } from '~/api/live'
import type { ShapeView, StepRunView } from '~/api/types'
import { Button } from '~/components/Button'
import { CodeEditor } from '~/components/CodeEditor'
import { Dialog } from '~/components/Dialog'
import { Loading } from '~/components/Loading'
import { StatusIcon } from '~/components/StatusIcon'
import { type Tab, Tabs } from '~/components/Tabs'
import { toast } from '~/components/Toasts'
import { useView } from '~/routes/hooks'
import { typing, useKeys } from '~/shell/shortcuts'
import css from './flow.module.css'
import { before, type Place, pathTo, type Step, walk } from './graphModel'
import { layout } from './layout'
import { Palette } from './Palette'
import { RunPanel } from './RunPanel'
import { type Path, samePath } from './reading'
import { StepForm } from './StepForm'
import { add, addPath, copied, type Done, duplicate, move, paste, remove, set } from './steps'
import { byStep, type Editor } from './useEditor'
import { useSamples } from './useSamples'
import { triggerWords } from './words'

const Canvas = lazy(() => import('./Canvas'))
const CLIP = 'redrive.steps'

interface Props {
  editor: Editor
  shapes: readonly ShapeView[]
  known: ReadonlyMap<string, ShapeView>
  run: string | undefined
}

export function BuildView({ editor, shapes, known, run }: Props) {
  const [view, change] = useView()
  const [chosen, setChosen] = useState<Path | null>(null)
  const [asked, setAsked] = useState<Place | null>(null)
  const steps = editor.steps
  const all = useMemo(() => walk(steps), [steps])
  const made = useMemo(() => layout(steps), [steps])
  const problems = useMemo(() => byStep(editor.problems, steps), [editor.problems, steps])
  const step = all.find((one) => chosen !== null && samePath(pathTo(one), chosen)) ?? null
  const previous = step ? before(steps, step.id) : null
  const ran = useRun(run)
  const ranSteps = useMemo(
    () => new Map<string, StepRunView>((ran?.steps ?? []).map((one) => [one.step, one])),
    [ran],
  )
  const samples = useSamples(editor.name, step, previous, run)
  const panel = view.panel ?? (run ? 'run' : 'step')

  const done = (result: Done): void => {
    editor.change(result.text)
    setChosen(result.chosen)
  }
  const select = useCallback(
    (one: Step): void => {
      setChosen(pathTo(one))
      if (panel === 'yaml') change({ panel: null })
    },
    [panel, change],
  )
  /** After the chosen step, else at the end. */
  const place = (): Place =>
    step ? { list: step.list, index: step.index + 1 } : { list: ['steps'], index: steps.length }
  const addShape = (shape: string, at: Place): void => {
    const found = known.get(shape)
    if (found) done(add(editor.text, found, at, known))
    setAsked(null)
    if (panel !== 'step') change({ panel: null })
  }
  const copy = (one: Step): void => {
    const lines = copied(editor.text, one)
    sessionStorage.setItem(CLIP, lines)
    void navigator.clipboard?.writeText(lines).catch(() => {})
    toast.done(`${one.id} is copied`)
  }
  const pasteHere = (): void => {
    const lines = sessionStorage.getItem(CLIP)
    if (lines) done(paste(editor.text, lines, place(), known))
  }
  const drop = useCallback(
    (one: Step): void => {
      const result = remove(editor.text, one)
      editor.change(result.text)
      setChosen(result.chosen)
    },
    [editor],
  )
  const skip = (one: Step): void =>
    editor.change((text) => set(text, [...pathTo(one), 'skip'], one.skip ? undefined : true))

  useKeys({
    'Mod+z': () => !typing(document.activeElement) && editor.undo(),
    'Mod+y': () => !typing(document.activeElement) && editor.redo(),
    'Mod+Z': () => !typing(document.activeElement) && editor.redo(),
  })
  const ask = (): void => setAsked(place())
  const ofStep: [string, (one: Step) => void][] = [
    ['Delete', drop],
    ['Backspace', drop],
    ['s', skip],
    ['d', (one) => done(duplicate(editor.text, one, known))],
    [
      'Enter',
      () =>
        document.querySelector<HTMLElement>('[data-panel] .field input, [data-panel] .field select')?.focus(),
    ],
  ]
  const keys: Record<string, () => void> = {
    a: ask,
    '+': ask,
    ...(step ? Object.fromEntries(ofStep.map(([key, act]) => [key, () => act(step)])) : {}),
  }
  const clip = (event: React.ClipboardEvent, what: 'copy' | 'paste' | 'cut'): void => {
    if (typing(event.target) || document.getSelection()?.toString()) return
    event.preventDefault()
    if (what === 'paste') pasteHere()
    else if (step) {
      copy(step)
      if (what === 'cut') drop(step)
    }
  }

  const tabs: Tab[] = [
    {
      id: 'step',
      label: 'Step',
      body: () =>
        step ? (
          <StepForm
            key={pathTo(step).join('.')}
            step={step}
            shape={known.get(step.shape)}
            problems={problems.get(step.id) ?? []}
            samples={samples}
            variables={Object.keys((editor.data.variables as object | undefined) ?? {})}
            set={(path, value, key) => editor.change((text) => set(text, path, value), key ?? null)}
            rename={(one, id) =>
              editor.change((text) => set(text, [...pathTo(one), 'id'], id), `id:${pathTo(one).join('.')}`)
            }
            remove={drop}
            duplicate={(one) => done(duplicate(editor.text, one, known))}
            copy={copy}
            move={(one, by) =>
              done(move(editor.text, one, { list: one.list, index: one.index + (by > 0 ? 2 : -1) }))
            }
            addPath={(one, kind) => editor.change((text) => addPath(text, one, kind, known))}
          />
        ) : (
          <Hints empty={all.length === 0} />
        ),
    },
    {
      id: 'yaml',
      label: 'YAML',
      body: () => (
        <div className={css.yaml}>
          <CodeEditor
            label={`YAML of ${editor.name}`}
            language="yaml"
            value={editor.text}
            onChange={(text) => editor.change(text, 'yaml')}
            marks={editor.problems.map((one) => ({
              line: one.line ?? 1,
              message: [one.title, one.expected && `expected ${one.expected}`].filter(Boolean).join('; '),
            }))}
          />
        </div>
      ),
    },
    ...(ran
      ? [
          {
            id: 'run',
            label: (
              <>
                Run <StatusIcon status={ran.status} />
              </>
            ),
            body: () => <RunPanel key={step?.id} run={ran} step={step?.id ?? null} />,
          },
        ]
      : []),
  ]
  return (
    <div
      className={css.build}
      onCopy={(event) => clip(event, 'copy')}
      onCut={(event) => clip(event, 'cut')}
      onPaste={(event) => clip(event, 'paste')}
    >
      <aside className={css.side} aria-label="Shapes">
        <Palette shapes={shapes} onChoose={(shape) => addShape(shape, place())} />
      </aside>
      <section className={css.middle} aria-label="Canvas">
        {editor.broken.length > 0 && (
          <p className={css.banner} role="alert">
            Line {editor.broken[0]?.line}: {editor.broken[0]?.message} The canvas shows what stood before;
            mend the YAML.
          </p>
        )}
        <Suspense fallback={<Loading what="Opening the canvas" />}>
          <Canvas
            made={made}
            name={editor.name}
            triggers={triggerWords(editor.data.triggers)}
            selected={step}
            problems={problems}
            ran={ranSteps}
            keys={keys}
            onSelect={select}
            onStart={() => change({ tab: 'settings' }, { push: true })}
            onPath={select}
            onAskAt={setAsked}
            onDropShape={addShape}
            onMove={(from, to) => done(move(editor.text, from, to))}
          />
        </Suspense>
        {ran && (
          <div className={css.overlay}>
            <StatusIcon status={ran.status} words />
            <span className="one-line">{ran.summary}</span>
            <Button kind="bare" onClick={() => change({ run: null, panel: null })}>
              Close the run
            </Button>
          </div>
        )}
      </section>
      <aside className={css.panel} aria-label="Step" data-panel>
        {(problems.get('') ?? []).map((one, index) => (
          <p key={index} className={css.fault} role="alert">
            {one.line ? `Line ${one.line}: ` : ''}
            {[one.setting, one.title].filter(Boolean).join(': ')}
          </p>
        ))}
        <Tabs label="Beside the canvas" tabs={tabs} value={panel} onChange={(id) => change({ panel: id })} />
      </aside>
      <Dialog open={asked !== null} onClose={() => setAsked(null)} title="Add a step">
        <Palette eager shapes={shapes} onChoose={(shape) => asked && addShape(shape, asked)} />
      </Dialog>
    </div>
  )
}

function useRun(run: string | undefined) {
  const queries = useQueryClient()
  const again = (): void => void queries.invalidateQueries({ queryKey: ['run-steps', run] })
  const found = useQuery({
    queryKey: ['run-steps', run],
    enabled: run !== undefined,
    queryFn: ({ signal }) => call('GET /api/v1/runs/{run_id}', { path: { run_id: run ?? '' }, signal }),
    placeholderData: (last) => (last?.id === run ? last : undefined),
    // Steps that end within a running run change no row of it; a short one may have ended unseen.
    refetchInterval: (query) => (lives(query.state.data?.status) ? 1_000 : false),
  })
  const live = found.data === undefined || lives(found.data.status)
  useRunEvents(run !== undefined && live ? run : null, { onRun: again, onResume: again })
  return found.data
}

function lives(status: string | undefined): boolean {
  return status === 'queued' || status === 'running'
}

function Hints({ empty }: { empty: boolean }) {
  return (
    <div className={css.form}>
      <p>
        {empty
          ? 'Drag a shape onto the canvas, or choose one in the list: it becomes the first step.'
          : 'Choose a step to see its settings.'}
      </p>
      <dl className={`keys ${css.hints}`}>
        {[
          ['← ↑ → ↓', 'from step to step'],
          ['a', 'add a step after the chosen one'],
          ['Enter', 'its settings'],
          ['s', 'skip it, or not'],
          ['d', 'duplicate it'],
          ['Delete', 'delete it'],
          ['Ctrl C, X, V', 'copy, cut, paste'],
          ['Ctrl Z, Y', 'undo, redo'],
          ['Ctrl S', 'save the draft'],
          ['Ctrl Enter', 'run the draft'],
        ].map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}
