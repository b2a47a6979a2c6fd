/** Data for a start: pasted, a file of any size, or a payload out of the history. */

import { useRef, useState } from 'react'
import { Button, IconButton } from '~/components/Button'
import { CodeEditor } from '~/components/CodeEditor'
import { Field, Input } from '~/components/Field'
import { bytes, plural } from '~/components/format'
import { ProblemNote } from '~/components/ProblemNote'
import { Tabs } from '~/components/Tabs'
import { HistoryPicker } from '~/payload/HistoryPicker'
import css from './initialise.module.css'
import { uploadBlob } from './upload'

interface Props {
  flow: string
  run: string | null
  /** The payload that it stands in for: gives media type, items path and meta. */
  like: string | null
  given: readonly string[]
  onGiven(ids: string[]): void
}

export function GiveData({ flow, run, like, given, onGiven }: Props) {
  const [how, setHow] = useState('paste')
  const [text, setText] = useState('')
  const [about, setAbout] = useState<Readonly<Record<string, string>>>({})
  const [progress, setProgress] = useState<{ sent: number; of: number } | null>(null)
  const [problem, setProblem] = useState<unknown>(null)
  const [id, setId] = useState('')
  const sending = useRef<AbortController | null>(null)

  const add = (one: string, words: string): void => {
    setAbout((before) => ({ ...before, [one]: words }))
    onGiven([...given, one])
  }
  const upload = async (blob: Blob, name: string): Promise<void> => {
    setProblem(null)
    sending.current = new AbortController()
    setProgress({ sent: 0, of: blob.size })
    try {
      const made = await uploadBlob(
        blob,
        { filename: name, like },
        (sent) => setProgress({ sent, of: blob.size }),
        sending.current.signal,
      )
      add(
        made.id,
        `${name} · ${made.items === null ? '' : `${plural(made.items, 'item')}, `}${bytes(made.size_bytes)} · ${made.media_type}`,
      )
    } catch (thrown) {
      if (!sending.current.signal.aborted) setProblem(thrown)
    }
    setProgress(null)
  }
  return (
    <div className={css.give}>
      {given.length > 0 && (
        <ul className={css.given} aria-label="Data that it begins with">
          {given.map((one) => (
            <li key={one}>
              <code>{one}</code> <span className="grow quiet small one-line">{about[one]}</span>
              <IconButton
                label={`Take ${one} away`}
                icon="cross"
                onClick={() => onGiven(given.filter((other) => other !== one))}
              />
            </li>
          ))}
        </ul>
      )}
      <Tabs
        label="Where the data comes from"
        value={how}
        onChange={setHow}
        tabs={[
          {
            id: 'paste',
            label: 'Paste',
            body: () => (
              <>
                <div className={css.paste}>
                  <CodeEditor label="Data to begin with" language="json" value={text} onChange={setText} />
                </div>
                <Button
                  disabled={text === '' || progress !== null}
                  onClick={() => void upload(new Blob([text]), 'pasted text')}
                >
                  Use this text
                </Button>
              </>
            ),
          },
          {
            id: 'file',
            label: 'File',
            body: () => (
              <Field label="File of any size" help="It goes to the server in a stream.">
                <input
                  type="file"
                  className="input"
                  onChange={(event) => {
                    const file = event.target.files?.[0]
                    if (file) void upload(file, file.name)
                  }}
                />
              </Field>
            ),
          },
          {
            id: 'history',
            label: 'History',
            body: () => (
              <>
                <HistoryPicker
                  run={run}
                  flow={flow}
                  onPick={(one, from) => add(one.id, `${from.step}, ${bytes(one.size_bytes)}`)}
                />
                <form
                  className={css.byId}
                  onSubmit={(event) => {
                    event.preventDefault()
                    if (id.trim()) add(id.trim(), 'by its id')
                    setId('')
                  }}
                >
                  <Input
                    aria-label="Id of a payload"
                    placeholder="or the id of a payload"
                    value={id}
                    onChange={(event) => setId(event.target.value)}
                  />
                  <Button type="submit">Use it</Button>
                </form>
              </>
            ),
          },
        ]}
      />
      {progress && (
        <div className={css.progress}>
          <progress aria-label="Upload" max={Math.max(1, progress.of)} value={progress.sent} />
          <span className="quiet small">
            {bytes(progress.sent)} of {bytes(progress.of)}
          </span>
          <Button kind="bare" onClick={() => sending.current?.abort()}>
            Stop
          </Button>
        </div>
      )}
      {problem !== null && <ProblemNote error={problem} />}
    </div>
  )
}
