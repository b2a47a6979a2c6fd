/** Takes a CSV into a lookup or a data pool; the file is sent as it is. */

import { useState } from 'react'
import { address, send } from '~/api/client'
import type { TableImported } from '~/api/types'
import { Confirm } from '~/components/Confirm'
import { Field, Input, Select } from '~/components/Field'
import { plural } from '~/components/format'
import { toast } from '~/components/Toasts'

interface Props {
  noun: 'lookup' | 'pool'
  /** Of the table that it goes into; else the user names it. */
  name?: string
  /** Of a data pool that is one flow's. */
  flow?: string | null
  onClose(): void
  onDone(name: string): void
}

export function CsvDialog({ noun, name: given, flow, onClose, onDone }: Props) {
  const [name, setName] = useState(given ?? '')
  const [file, setFile] = useState<File | null>(null)
  const [header, setHeader] = useState('auto')
  const [duplicates, setDuplicates] = useState('refuse')
  const words = noun === 'lookup' ? 'lookup' : 'data pool'
  return (
    <Confirm
      title={`Import into ${given ? `the ${words} ${given}` : `a ${words}`}`}
      about={
        noun === 'lookup'
          ? 'The rows of the file take the place of all that is there.'
          : 'The keys of the file are added to those that are there.'
      }
      action="Import"
      icon="upload"
      onClose={onClose}
      act={async () => {
        if (file === null) throw new Error('Choose a file first.')
        const query = { header, flow, filename: file.name, ...(noun === 'lookup' ? { duplicates } : {}) }
        const answer = await send(address(`/api/v1/${noun}s/{name}/import`, { name: name.trim() }, query), {
          method: 'POST',
          headers: { 'Content-Type': 'text/csv' },
          body: file,
        })
        const done = (await answer.json()) as TableImported
        toast.done(`Imported ${plural(done.entries, 'row')} into ${done.name}`)
        onDone(done.name)
      }}
    >
      {given === undefined && (
        <Field label="Name">
          <Input value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
      )}
      <Field label="CSV file">
        <Input
          type="file"
          accept=".csv,.tsv,.txt,text/csv"
          onChange={(event) => setFile(event.target.files?.[0] ?? null)}
        />
      </Field>
      <Field label="First row">
        <Select
          value={header}
          onChange={setHeader}
          options={[
            { value: 'auto', label: 'Find out whether it names the columns' },
            { value: 'yes', label: 'It names the columns' },
            { value: 'no', label: 'It is a row like the others' },
          ]}
        />
      </Field>
      {noun === 'lookup' && (
        <Field label="A value that stands twice">
          <Select
            value={duplicates}
            onChange={setDuplicates}
            options={[
              { value: 'refuse', label: 'Refuse the file' },
              { value: 'first', label: 'The first row holds' },
              { value: 'last', label: 'The last row holds' },
            ]}
          />
        </Field>
      )}
    </Confirm>
  )
}
