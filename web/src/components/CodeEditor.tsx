/** An editor for JSON and YAML; fetched when it is first shown. */

import { lazy, Suspense } from 'react'
import type { EditorProps } from './CodeMirror'
import { Loading } from './Loading'

const Editor = lazy(() => import('./CodeMirror'))

export function CodeEditor(props: EditorProps) {
  return (
    <Suspense fallback={<Loading what="Opening the editor" />}>
      <Editor {...props} />
    </Suspense>
  )
}
