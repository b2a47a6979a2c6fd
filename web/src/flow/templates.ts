/** What a new flow may begin with. */

export interface Template {
  title: string
  about: string
  text(name: string): string
}

export const TEMPLATES: Record<string, Template> = {
  empty: {
    title: 'Nothing',
    about: 'An empty canvas.',
    text: (name) => `flow: ${name}\nsteps: []\n`,
  },
  pull_and_send: {
    title: 'Pull, filter, send',
    about: 'Pulls from one system, keeps some items, sends the rest to another in batches.',
    text: (name) => `flow: ${name}
steps:
  - id: pull
    shape: connector
    connection: ""
    endpoint: ""
  - id: keep
    shape: filter
    keep: {field: id, exists: true}
  - id: fifty-each
    shape: flow_control
    size: 50
  - id: send
    shape: connector
    connection: ""
    endpoint: ""
    key: id
`,
  },
  webhook: {
    title: 'Take a webhook',
    about: 'Starts a run for each call of its address, and takes the items out of the body.',
    text: (name) => `flow: ${name}
triggers:
  - webhook: {name: ${name.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-')}}
steps:
  - id: seen
    shape: track
    fields: {id: id}
`,
  },
  try_out: {
    title: 'A sample to try things on',
    about: 'Begins with two orders that are written in the flow, and routes them by country.',
    text: (name) => `flow: ${name}
steps:
  - id: sample
    shape: manual_payload
    payload:
      - {id: 1042, country: GB, total: 120}
      - {id: 1043, country: DE, total: 15}
  - id: by-country
    shape: route
    send_to: first
    paths:
      - id: uk
        when: {field: country, is: GB}
        steps: []
    otherwise:
      steps: []
`,
  },
}
