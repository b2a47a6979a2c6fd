/** A flow's text on the server: read with the tag of what was read, saved only where nobody else has saved. */

import { address, call, send } from '~/api/client'

export interface Stored {
  text: string
  tag: string
}

/** The draft, else the deployed version. */
export async function readStored(name: string, signal?: AbortSignal): Promise<Stored> {
  const flow = await call('GET /api/v1/flows/{name}', { path: { name }, signal })
  const version = flow.draft ? 'draft' : undefined
  const url = address('/api/v1/flows/{name}/document', { name }, { version })
  const answer = await send(url, { signal })
  return { text: await answer.text(), tag: flow.draft ? (answer.headers.get('etag') ?? '') : '' }
}

/** Makes the text the draft. `tag`: of the draft that was read, '' of none; null overwrites whatever is there. */
export async function saveDraft(name: string, text: string, tag: string | null): Promise<string> {
  const done = await call('POST /api/v1/imports', {
    body: {
      documents: [{ filename: `${name}.yaml`, text }],
      ...(tag === null ? {} : { based_on: { [name]: tag } }),
    },
  })
  return done.items[0]?.name ?? name
}

export async function draftTag(name: string): Promise<string> {
  const url = address('/api/v1/flows/{name}/document', { name }, { version: 'draft' })
  return (await send(url, { method: 'GET' })).headers.get('etag') ?? ''
}
