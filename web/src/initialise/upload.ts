/** Sends bytes of any size: the browser reads them piece by piece from the disk, and tells how far it is. */

import { address } from '~/api/client'
import { readJson } from '~/api/json'
import { problemOf, unreachable } from '~/api/problem'
import { session } from '~/api/session'
import type { UploadView } from '~/api/types'

interface What {
  filename: string
  like: string | null
}

export function uploadBlob(
  blob: Blob,
  what: What,
  tell: (sent: number) => void,
  signal: AbortSignal,
): Promise<UploadView> {
  return new Promise((resolve, reject) => {
    // fetch tells nothing of what was sent; XMLHttpRequest does.
    const call = new XMLHttpRequest()
    const named = /\.\w+$/.test(what.filename) ? what.filename : null
    call.open('POST', address('/api/v1/uploads', {}, { filename: named, like: what.like }))
    call.setRequestHeader('Content-Type', 'application/octet-stream')
    call.setRequestHeader('Accept', 'application/json')
    call.upload.addEventListener('progress', (event) => tell(event.loaded))
    call.addEventListener('load', () => {
      if (call.status >= 200 && call.status < 300) resolve(readJson(call.responseText) as UploadView)
      else {
        if (call.status === 401) session.ended()
        reject(problemOf(call.status, call.responseText, call.getResponseHeader('x-request-id')))
      }
    })
    call.addEventListener('error', () => reject(unreachable()))
    call.addEventListener('abort', () => reject(unreachable()))
    signal.addEventListener('abort', () => call.abort())
    call.send(blob)
  })
}
