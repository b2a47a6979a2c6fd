/** Two texts beside each other with what differs marked, in a shadow root as every editor. The right one may be edited. */

import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { json } from '@codemirror/lang-json'
import { yaml } from '@codemirror/lang-yaml'
import { MergeView } from '@codemirror/merge'
import { EditorState, type Extension } from '@codemirror/state'
import { EditorView, keymap, lineNumbers } from '@codemirror/view'
import { useEffect, useRef } from 'react'

interface Props {
  before: string
  after: string
  language: 'json' | 'yaml' | 'text'
  label: string
  onChange?(text: string): void
}

const THEME = EditorView.theme({
  '&': { fontSize: '12.5px', color: 'var(--text)', backgroundColor: 'var(--surface)' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--faint)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'var(--hover)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-selectionBackground': { backgroundColor: 'var(--selection) !important' },
  '&.cm-merge-a .cm-changedLine': { backgroundColor: 'var(--bad-soft)' },
  '&.cm-merge-b .cm-changedLine': { backgroundColor: 'var(--good-soft)' },
  '&.cm-merge-a .cm-changedText': { background: 'var(--bad-soft)', outline: '1px solid var(--bad)' },
  '&.cm-merge-b .cm-changedText': { background: 'var(--good-soft)', outline: '1px solid var(--good)' },
  '.cm-collapsedLines': { background: 'var(--hover)', color: 'var(--quiet)' },
})

const FRAME = `:host { display: block; height: 100%; overflow: auto; }
.cm-mergeView, .cm-mergeViewEditors { min-height: 100%; }
.cm-mergeViewEditor { min-width: 0; }`

export default function SideBySide({ before, after, language, label, onChange }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const changed = useRef(onChange)
  const view = useRef<MergeView | null>(null)
  changed.current = onChange
  // biome-ignore lint/correctness/useExhaustiveDependencies: made once for its texts; an edit goes out by onChange
  useEffect(() => {
    const element = host.current
    if (element === null) return
    const root = element.shadowRoot ?? element.attachShadow({ mode: 'open' })
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(FRAME)
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
    const shared: Extension[] = [
      lineNumbers(),
      THEME,
      EditorView.lineWrapping,
      language === 'json' ? json() : language === 'yaml' ? yaml() : [],
    ]
    const fixed = EditorState.readOnly.of(true)
    const made = new MergeView({
      root,
      parent: root,
      a: {
        doc: before,
        extensions: [
          ...shared,
          fixed,
          EditorView.contentAttributes.of({ 'aria-label': `${label}: before`, tabindex: '0' }),
        ],
      },
      b: {
        doc: after,
        extensions: [
          ...shared,
          onChange ? [history(), keymap.of([...defaultKeymap, ...historyKeymap])] : fixed,
          EditorView.contentAttributes.of({ 'aria-label': `${label}: after`, tabindex: '0' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current?.(update.state.doc.toString())
          }),
        ],
      },
      collapseUnchanged: onChange ? undefined : { margin: 3, minSize: 6 },
      diffConfig: { scanLimit: 500, timeout: 50 },
    } as ConstructorParameters<typeof MergeView>[0])
    view.current = made
    return () => {
      made.destroy()
      root.adoptedStyleSheets = root.adoptedStyleSheets.filter((one) => one !== sheet)
    }
  }, [before, language, label, onChange ? before : after])
  return <div ref={host} className="editor" data-keys="own" role="group" aria-label={label} />
}
