/** CodeMirror in a shadow root: there its styles are adopted style sheets, which a strict
 * Content-Security-Policy allows without a nonce.
 */

import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { json, jsonParseLinter } from '@codemirror/lang-json'
import { yaml } from '@codemirror/lang-yaml'
import {
  bracketMatching,
  foldGutter,
  foldKeymap,
  HighlightStyle,
  indentOnInput,
  syntaxHighlighting,
} from '@codemirror/language'
import { type Diagnostic, linter, lintGutter, setDiagnostics } from '@codemirror/lint'
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search'
import { Compartment, EditorState, type Extension } from '@codemirror/state'
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
  placeholder as placeholderOf,
} from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { useEffect, useRef } from 'react'

export interface Mark {
  /** Lines count from 1. */
  line: number
  message: string
  severity?: 'error' | 'warning'
}

export interface EditorProps {
  value: string
  onChange?(value: string): void
  language: 'json' | 'yaml' | 'text'
  /** The name of the editor for screen readers. */
  label: string
  readOnly?: boolean
  marks?: readonly Mark[]
  placeholder?: string
  /** More of CodeMirror, such as completion. Give the same array each time. */
  extensions?: Extension
}

// The colours are the page's own: custom properties reach into a shadow root.
const THEME = EditorView.theme({
  '&': { height: '100%', fontSize: '13px', color: 'var(--text)', backgroundColor: 'var(--surface)' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--surface)', color: 'var(--faint)', border: 'none' },
  '.cm-activeLine': { backgroundColor: 'var(--hover)' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--hover)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '&.cm-focused': { outline: 'none' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--selection) !important',
  },
  '.cm-searchMatch': { backgroundColor: 'var(--found)' },
  '.cm-panels': { backgroundColor: 'var(--raised)', color: 'var(--text)', borderColor: 'var(--line)' },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', color: 'var(--text)', border: '1px solid var(--line)' },
  '.cm-foldPlaceholder': { backgroundColor: 'var(--hover)', color: 'var(--quiet)', border: 'none' },
})

const COLOURS = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--code-name)' },
    { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
    { tag: tags.number, color: 'var(--code-number)' },
    { tag: [tags.bool, tags.null, tags.keyword, tags.atom], color: 'var(--code-word)' },
    { tag: tags.comment, color: 'var(--faint)', fontStyle: 'italic' },
    { tag: tags.invalid, color: 'var(--bad)' },
  ]),
)

function languageOf(language: EditorProps['language']): Extension {
  if (language === 'json') return [json(), linter(jsonParseLinter(), { delay: 300 }), lintGutter()]
  return language === 'yaml' ? [yaml(), lintGutter()] : []
}

export default function CodeMirror(props: EditorProps) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const changed = useRef(props.onChange)
  const parts = useRef({ language: new Compartment(), readOnly: new Compartment(), more: new Compartment() })
  changed.current = props.onChange

  // biome-ignore lint/correctness/useExhaustiveDependencies: made once; the effects below bring it up to date
  useEffect(() => {
    const element = host.current
    if (element === null) return
    const root = element.shadowRoot ?? element.attachShadow({ mode: 'open' })
    const { language, readOnly, more } = parts.current
    const made = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: props.value,
        extensions: [
          lineNumbers(),
          foldGutter(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          highlightSelectionMatches(),
          search({ top: true }),
          keymap.of([...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, indentWithTab]),
          THEME,
          COLOURS,
          EditorView.contentAttributes.of({ 'aria-label': props.label, tabindex: '0' }),
          props.placeholder ? placeholderOf(props.placeholder) : [],
          language.of(languageOf(props.language)),
          readOnly.of(EditorState.readOnly.of(props.readOnly ?? false)),
          more.of(props.extensions ?? []),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current?.(update.state.doc.toString())
          }),
        ],
      }),
    })
    view.current = made
    return () => {
      made.destroy()
      view.current = null
    }
  }, [])

  useEffect(() => {
    const made = view.current
    if (made === null || made.state.doc.toString() === props.value) return
    made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: props.value } })
  }, [props.value])
  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.language.reconfigure(languageOf(props.language)) })
  }, [props.language])
  useEffect(() => {
    const state = EditorState.readOnly.of(props.readOnly ?? false)
    view.current?.dispatch({ effects: parts.current.readOnly.reconfigure(state) })
  }, [props.readOnly])
  useEffect(() => {
    view.current?.dispatch({ effects: parts.current.more.reconfigure(props.extensions ?? []) })
  }, [props.extensions])
  useEffect(() => {
    const made = view.current
    if (made !== null && props.marks !== undefined)
      made.dispatch(setDiagnostics(made.state, found(made, props.marks)))
  }, [props.marks])

  return <div ref={host} className="editor" data-keys="own" />
}

function found(view: EditorView, marks: readonly Mark[]): Diagnostic[] {
  return marks.map((mark) => {
    const line = view.state.doc.line(Math.min(Math.max(1, mark.line), view.state.doc.lines))
    return { from: line.from, to: line.to, message: mark.message, severity: mark.severity ?? 'error' }
  })
}
