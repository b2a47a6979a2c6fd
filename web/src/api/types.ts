// Written from the OpenAPI document by `make docs`; not edited by hand.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** What is left out stays. */
export interface AccountChange {
  role?: 'viewer' | 'operator' | 'builder' | 'admin' | null
  reveal?: boolean | null
  enabled?: boolean | null
  password?: string | null
}

/** A new account. Without a password it can only be signed in to by OIDC. */
export interface AccountRequest {
  name: string
  role?: 'viewer' | 'operator' | 'builder' | 'admin'
  password?: string | null
  reveal?: boolean
}

/** One person. `password` says whether there is one; `issuer` who else vouches for the person. */
export interface AccountView {
  id: string
  name: string
  role: 'viewer' | 'operator' | 'builder' | 'admin'
  reveal: boolean
  enabled: boolean
  password: boolean
  issuer?: string | null
  created_at: string
  signed_in_at?: string | null
}

/** Who did what, when, from where, to what, and how it ended: `ok`, or the code of the refusal. */
export interface AuditLine {
  id: string
  at: string
  actor: string
  via?: string | null
  address?: string | null
  action: string
  subject: string
  result: string
  data?: Record<string, Json>
}

/** `url` is the page on which a person agrees; `authorized` says that it is done. */
export interface AuthorizationView {
  connection: string
  url?: string | null
  authorized?: boolean
}

export interface AuthorizeBody {
  /** Where the page leads back to; known to the system. */
  redirect_uri: string
}

export interface AuthorizedBody {
  /** The whole address that the page led back to. */
  url: string
}

/** A backup that was made of this home. `name` is where whoever made it keeps it. */
export interface BackupView {
  id: string
  name: string
  actor: string
  state: string
  started_at: string
  finished_at: string | null
  rows: number
  objects: number
  size_bytes: number
  secrets: boolean
}

/** What a body looks like. */
export interface BodyView {
  schema?: Record<string, Json> | null
  sample?: Json
  fields?: FieldView[]
}

/** What is said of several runs alike: how many, and the first of them. */
export interface BulkNote {
  code?: string | null
  text: string
  runs: number
  first: string[]
}

/** What a bulk would do. Counts are of the runs that were planned: of very many, the first. */
export interface BulkPlan {
  runs: number
  planned: number
  able: number
  steps: PlanStep[]
  warnings: BulkNote[]
  refused: BulkNote[]
  confirm?: string | null
}

/** Which runs (`runs` or `where`), and what is done with each (`retry` or `redrive`), the oldest first. `per_minute`: at most that many are started in a minute. `confirm` stands for that of each. */
export interface BulkRequest {
  runs?: string[]
  where?: RunsWhere | null
  retry?: RetryRequest | null
  redrive?: RedriveRequest | null
  per_minute?: number | null
  confirm?: boolean
}

/** What became of one run: a new run, a problem, or nothing yet. */
export interface BulkRun {
  source_run: string
  run?: string | null
  status?: 'queued' | 'running' | 'success' | 'partial_success' | 'failure' | 'stopped' | null
  summary?: string
  problem?: ErrorView | null
}

/** `waiting` are those that were not looked at yet; the rest of `started` ended as it says. */
export interface BulkView {
  id: string
  kind: 'retry' | 'redrive'
  state: 'running' | 'paused' | 'cancelled' | 'ended'
  actor: string
  at: string
  ended_at: string | null
  per_minute: number | null
  runs: number
  waiting: number
  started: number
  refused: number
  under_way: number
  success: number
  failed: number
  problem?: ErrorView | null
}

/** A flow with all that it refers to, as one YAML stream. `needs`: what an import elsewhere still has to be given: secrets by connection, and lookups, data pools and caches by name. */
export interface Bundle {
  flow: string
  text: string
  documents: string[]
  needs: string[]
}

/** An entry of a cache as a whole; `at`: when its last page was added. */
export interface CacheEntryView {
  entry: string
  pages: number
  size_bytes: number
  at: string
  expires_at: string | null
}

/** One page of a cache entry. */
export interface CachePageView {
  page: number
  run: string
  step: string
  items: number | null
  size_bytes: number
  media_type: string
  meta: Record<string, string>
  at: string
  expires_at: string | null
}

/** A cache of one scope: `flow` is null in `company`, `run` but in `run`. */
export interface CacheView {
  id: string
  name: string
  scope: 'run' | 'flow' | 'company'
  flow: string | null
  run: string | null
  created_at: string
}

/** Why a run failed: the first step that did, and the first record that it failed on. */
export interface Cause {
  step: string
  code: string
  title: string
  detail: string
  hint?: string | null
  key?: string | null
  keys?: number
  payload?: string | null
  item?: number | null
  payloads?: number
}

export interface CheckBody {
  documents: DocumentBody[]
}

/** What `check` found; the documents are valid when `problems` is empty. */
export interface CheckResult {
  problems: ProblemView[]
  warnings?: string[]
  times?: ScheduleTimes[]
}

/** A connection whose target is down: nothing goes to it but one try at `until`. */
export interface CircuitView {
  connection: string
  opened_at: string
  until: string
  failures: number
  error: string
  trying: boolean
}

/** Steps of a flow that use a connection; `version` null: of its draft. */
export interface ConnectionUse {
  flow: string
  version: number | null
  steps: string[]
}

export interface ConnectionView {
  name: string
  connector: string
  settings: Record<string, Json>
  secrets: Record<string, string>
}

export interface ConnectorDetail {
  name: string
  digest: string
  protocol: string
  description?: string
  settings?: string[]
  connections?: string[]
  endpoints?: EndpointView[]
}

export interface ConnectorView {
  name: string
  digest: string
  endpoints: Record<string, string>
}

/** `after`: `next` of the part before. `repair` mends what can be mended. */
export interface ContentsBody {
  after?: string | null
  repair?: boolean
}

/** A part of the check of all contents. `next` goes on where it ended; None at the end. `checked` and `read_bytes` are those of this part; `total` is the number of contents that are stored. */
export interface ContentsChecked {
  findings: Finding[]
  checked: number
  read_bytes: number
  total: number
  next?: string | null
}

/** Runs to delete by hand. */
export interface DeleteRequest {
  runs: string[]
  reason?: string | null
  confirm?: boolean
}

export interface Deleted {
  runs: string[]
  size_bytes: number
}

export interface DeliveryCounts {
  delivered?: number
  skipped?: number
  rejected?: number
  unknown?: number
}

export interface DeliveryEvent {
  run: string
  status: string
  at: string
}

export interface DeliveryView {
  id: string
  ledger: string
  connection: string
  endpoint: string
  key: string
  status: 'begun' | 'delivered' | 'rejected' | 'unknown'
  run: string
  step: string
  payload: string | null
  item: number | null
  at: string
  history: DeliveryEvent[]
}

/** `version` null deploys the draft. */
export interface DeployBody {
  version?: number | null
  /** Why; kept with the version. */
  note?: string | null
}

/** `result` is null where nothing was stored. */
export interface DescriptionImported {
  connector: string
  kind: string
  title: string
  result?: 'created' | 'changed' | 'unchanged' | null
  operations: number
  imported: number
  refused?: RefusedOperation[]
  notes?: DescriptionNote[]
  changes?: EndpointChange[]
  settings?: SettingWanted[]
  document: string
}

export interface DescriptionNote {
  operation: string | null
  text: string
}

/** A description to make a connector of: its `text`, or `payload`, the id of an upload. `only`: tags, paths, operation ids or names; `server`, `authentication`: one of those that it names; `replace`: endpoints that are taken anew even where they were edited (`*`: all); `current`: the document that it goes over, instead of the connector of the home; `store`: take the result into the home. */
export interface DescriptionRequest {
  filename?: string
  text?: string | null
  payload?: string | null
  url?: string | null
  name?: string | null
  only?: string[]
  server?: string | null
  authentication?: string | null
  replace?: string[]
  current?: string | null
  store?: boolean
}

/** One thing that is not as expected; `lines` say what differs, each at its place. */
export interface Difference {
  step: string | null
  what: string
  lines?: string[]
}

/** One document: its file name, for messages, and its text. */
export interface DocumentBody {
  filename: string
  text: string
}

/** What became of an endpoint; `endpoint` null: of what stands beside the endpoints. `kept`: edited by hand, so it stays as it is; `kept_differs`: and the description has changed there. */
export interface EndpointChange {
  endpoint: string | null
  change: 'added' | 'changed' | 'removed' | 'kept' | 'kept_differs'
  settings?: string[]
}

/** One parameter of an endpoint: a name under `with`. */
export interface EndpointParameterView {
  name: string
  type?: string | null
  required?: boolean
  default?: Json
  one_of?: Json[] | null
  description?: string
  example?: Json
}

/** `payload` is what a send takes, `answer` what the system answers; null where it is not known. */
export interface EndpointView {
  name: string
  direction: string
  description?: string
  method?: string
  path?: string
  items?: string | null
  paginate?: string | null
  declares?: boolean
  parameters?: EndpointParameterView[]
  payload?: BodyView | null
  answer?: BodyView | null
}

/** What holds the value. `backups` were made since it was first stored and hold it still. */
export interface ErasePlan {
  payloads: number
  items: number
  exchanges: number
  records: number
  deliveries: number
  contents: number
  backups: BackupView[]
}

/** Erase every item that holds `value`, in any field or in `field`. */
export interface EraseRequest {
  value: string
  field?: string | null
  reason?: string
  confirm?: boolean
}

/** An erasing. What was erased is not told any more: `value_hash` is a keyed hash of it. */
export interface ErasureView {
  id: string
  at: string
  finished_at: string | null
  actor: string
  reason: string
  field: string | null
  value_hash: string
  found: ErasePlan | null
}

export interface ErrorView {
  code: string
  title: string
  detail: string
  at?: string | null
  hint?: string | null
}

/** One request and its answer, secrets masked. Bodies are contents of their own. */
export interface ExchangeView {
  id: string
  step: string
  payload: string | null
  attempt: number
  method: string
  url: string
  request_headers: ([string, string])[]
  request_body: string | null
  request_bytes: number
  status: number | null
  response_headers: ([string, string])[]
  response_body: string | null
  response_bytes: number
  error: string | null
  at: string
  duration_ms: number | null
}

/** A field of a body, as paths in templates and conditions name it, from the item or root down. */
export interface FieldView {
  path: string
  type?: string
}

/** A file that a test names, in base64. */
export interface FileBody {
  name: string
  base64: string
}

export interface FindItem {
  run: string
  flow: string
  step: string
  payload: string
  item: number
  field: string
  value: string
  delivery: string | null
  at: string
}

/** `note` says what the answer does not show, if there is anything. */
export interface FindPage {
  items: FindItem[]
  next?: string | null
  note?: string | null
}

/** One check of `doctor`; `hint` says how to mend what is not ok. */
export interface Finding {
  ok: boolean
  name: string
  detail: string
  hint?: string | null
}

export interface FlowChangeBody {
  enabled: boolean
}

/** Two versions of a flow beside each other. `flow_changes` is all that is not a step. */
export interface FlowDiff {
  flow: string
  before: string
  after: string
  same: boolean
  steps: StepDifference[]
  flow_changes: SettingChange[]
}

/** What a flow's rules are, and what of its runs is due. */
export interface FlowRetention {
  flow: string
  payloads_success: LimitView
  payloads_failure: LimitView
  runs_success: LimitView
  runs_failure: LimitView
  expire: number
  delete: number
  waiting: number
  size_bytes: number
}

export interface FlowTestReport {
  passed: number
  failed: number
  results: FlowTestResult[]
}

/** How one test of a flow ended. `notes` are no failures: exchanges nobody asked for. */
export interface FlowTestResult {
  flow: string
  test: string
  file?: string | null
  line?: number | null
  passed: boolean
  duration_s: number
  status: string | null
  differences?: Difference[]
  notes?: string[]
}

export interface FlowTestsBody {
  version?: string | null
  only?: string[]
}

export interface FlowVersionView {
  flow: string
  number: number
  state: 'draft' | 'deployed' | 'inactive'
  created_at: string
  digest: string
  created_by?: string | null
  deployed_at?: string | null
  deployed_by?: string | null
  note?: string | null
}

export interface FlowView {
  name: string
  enabled: boolean
  deployed: number | null
  draft: boolean
  versions: number
  warnings?: string[]
  labels?: string[]
}

/** What a notification group is to be. What is left out stays as it is, of a new group the default. */
export interface GroupRequest {
  urls?: Url[] | null
  /** Notices below it are not sent; default info. */
  level?: 'info' | 'warning' | 'error' | null
  /** Equal notices within it become one message with a count; default 10 minutes. */
  quiet_period?: number | string | null
  quiet_hours?: QuietHoursView | 'none' | null
}

/** `urls` say where each URL is kept: `sealed (json)`, `env NAME`, `file PATH`. */
export interface GroupView {
  name: string
  urls: string[]
  level: 'info' | 'warning' | 'error'
  quiet_period_s: number
  quiet_hours: QuietHoursView | null
  updated_at: string
}

/** `runner` is true while a process executes the runs of this home. */
export interface Health {
  ready: boolean
  runner: boolean
  version: string
  home: string
}

/** Where a text stands: its place in bytes, the item that holds it, and what stands around it. */
export interface Hit {
  offset: number
  length: number
  item: number | null
  before: string
  text: string
  after: string
}

/** Hits in the order of the bytes. `next` is where the search goes on, null at the end. */
export interface HitPage {
  payload: string
  hits: Hit[]
  searched_bytes: number
  size_bytes: number
  next: number | null
}

/** What became of the runs that were queued in one hour. */
export interface Hour {
  at: string
  counts: Record<string, number>
}

/** `rename` maps names of connections in the documents to those of this home. `based_on` gives, of flows, the ETag of the draft that was edited ("" where there was none): where that is not the draft any more, nothing is stored. */
export interface ImportBody {
  documents: DocumentBody[]
  deploy?: boolean
  rename?: Record<string, string>
  based_on?: Record<string, string>
  /** Why; kept with the version. */
  note?: string | null
}

/** What an import did with each document: `created`, `changed` or `unchanged`. */
export interface Imported {
  kind: string
  name: string
  result: 'created' | 'changed' | 'unchanged'
  version?: number | null
  warnings?: string[]
}

/** The runs that were queued within one hour or day from `at` on (UTC). */
export interface InsightBucket {
  runs: number
  success: number
  partial_success: number
  failure: number
  stopped: number
  p50_s?: number | null
  p95_s?: number | null
  at: string
}

/** Runs that have ended, by their outcome, and how long half of them, and 95 of 100, took at most. */
export interface InsightCounts {
  runs: number
  success: number
  partial_success: number
  failure: number
  stopped: number
  p50_s?: number | null
  p95_s?: number | null
}

/** The runs of one flow in the whole time. */
export interface InsightFlow {
  runs: number
  success: number
  partial_success: number
  failure: number
  stopped: number
  p50_s?: number | null
  p95_s?: number | null
  flow: string
}

/** `complete` is false where older runs are still being counted: then numbers grow for a while. */
export interface InsightsView {
  since: string
  until: string
  bucket: string
  flow?: string | null
  total: InsightCounts
  buckets: InsightBucket[]
  flows: InsightFlow[]
  complete?: boolean
}

/** One item that is not in both payloads alike; a number is null where one has none for it. */
export interface ItemDifference {
  kind: 'changed' | 'added' | 'removed'
  before: number | null
  after: number | null
  key?: string | null
}

/** Items `start` to before `stop` of a payload, each as its own text, in order. */
export interface ItemRange {
  payload: string
  start: number
  stop: number
  total: number | null
  items: string[]
}

/** One item as stored. A text longer than was asked for is cut and ends in `[trimmed]`. */
export interface ItemText {
  number: number
  size_bytes: number
  text: string
  trimmed?: boolean
}

/** From where an item came, and what became of it in its run, in the order of the steps. */
export interface ItemWay {
  payload: string
  item: number
  before: Waypoint[]
  after: Waypoint[]
  more?: boolean
}

/** Items `start` to before `stop`. `single`: the document is no list, and its one item the whole of it. `head` is what stands before the rows of a CSV document. */
export interface ItemWindow {
  payload: string
  start: number
  stop: number
  total: number | null
  single: boolean
  head?: string | null
  items: ItemText[]
}

/** A key that is at hand. `sealed`: what it opens; `seals`: new secrets are sealed with it. */
export interface KeyView {
  id: string
  place: string
  sealed: number
  seals: boolean
}

export interface KeysBody {
  keys: string[]
}

/** Null: no bound. */
export interface LimitView {
  days: number | null
  count: number | null
  size_bytes: number | null
}

export interface LogLine {
  at: string
  level: 'info' | 'warning' | 'error'
  step: string | null
  message: string
  data?: Record<string, Json>
}

/** An address that signs a browser in, once. */
export interface LoginLink {
  link: string
}

/** What stands beside a value; `to` is null where it is in no row. */
export interface LookupAnswer {
  value: string
  found: boolean
  to: string | null
}

/** One row of a lookup. */
export interface LookupEntry {
  from: string
  to: string
}

/** A cross-reference table: its two columns, how many entries it has. */
export interface LookupView {
  name: string
  columns: string[]
  entries: number
  created_at: string
  updated_at: string
}

/** A large content that a made test names: where it is kept, to be fetched from there. */
export interface MadeFile {
  name: string
  payload?: string | null
  exchange?: string | null
  size_bytes: number
}

/** A test made from a run: the part of a document, and the whole document with it. */
export interface MadeTest {
  flow: string
  run: string
  test: string
  text: string
  document: string
  files?: MadeFile[]
  notes?: string[]
  stored?: boolean
}

/** `store` puts the test into the flow's draft. */
export interface MakeTestBody {
  name?: string | null
  store?: boolean
}

/** Fields by name from their end (`email`, `customer.phone`, `*card*`), and a pattern of values. `flow` null: in data of all flows. */
export interface MaskRequest {
  fields?: string[]
  pattern?: string | null
  flow?: string | null
  note?: string | null
}

/** A masking rule: what it hides from all who lack the right `reveal`. */
export interface MaskView {
  name: string
  flow?: string | null
  fields: string[]
  pattern?: string | null
  note?: string | null
  created_at: string
}

/** Who the caller is; answered to those who have not signed in too. `account` is null for the local administrator. `first_start`: there is no account yet. */
export interface Me {
  signed_in: boolean
  name?: string | null
  account?: string | null
  role?: 'viewer' | 'operator' | 'builder' | 'admin' | null
  rights?: string[]
  via?: string | null
  session?: SessionView | null
  first_start: boolean
  ways_in: WaysIn
}

/** Another place in the queue: another priority, or before all that waits. */
export interface MoveRequest {
  priority?: 'highest' | 'high' | 'regular' | 'low' | 'lowest' | null
  front?: boolean
}

/** The one time that the text of a token is shown; only its hash is kept. */
export interface NewToken {
  id: string
  name: string
  account?: string | null
  scopes: string[]
  created_at: string
  expires_at?: string | null
  last_used_at?: string | null
  token: string
}

/** A message to a notification group, which stands for `count` equal ones. */
export interface NoticeView {
  id: string
  group: string
  level: 'info' | 'warning' | 'error'
  title: string
  message: string
  flow: string
  run: string | null
  step: string | null
  at: string
  count: number
  status: 'waiting' | 'sent' | 'failed'
  due_at: string
  tries: number
  error: string | null
  sent_at: string | null
}

/** What there is to see to: the runs of the last day, hour by hour, and what runs and waits now. `open_failures` are those of the day that no later run has made good; where `more_failures`, the older of them were not looked at. */
export interface Overview {
  since: string
  hours: Hour[]
  counts: Record<string, number>
  running: number
  queued: number
  open_failures: number
  more_failures?: boolean
}

export interface PageAccountView {
  items: AccountView[]
  next?: string | null
}

export interface PageAuditLine {
  items: AuditLine[]
  next?: string | null
}

export interface PageBackupView {
  items: BackupView[]
  next?: string | null
}

export interface PageBulkRun {
  items: BulkRun[]
  next?: string | null
}

export interface PageBulkView {
  items: BulkView[]
  next?: string | null
}

export interface PageCacheEntryView {
  items: CacheEntryView[]
  next?: string | null
}

export interface PageCachePageView {
  items: CachePageView[]
  next?: string | null
}

export interface PageCacheView {
  items: CacheView[]
  next?: string | null
}

export interface PageCircuitView {
  items: CircuitView[]
  next?: string | null
}

export interface PageConnectionUse {
  items: ConnectionUse[]
  next?: string | null
}

export interface PageConnectionView {
  items: ConnectionView[]
  next?: string | null
}

export interface PageConnectorView {
  items: ConnectorView[]
  next?: string | null
}

export interface PageDeliveryView {
  items: DeliveryView[]
  next?: string | null
}

export interface PageErasureView {
  items: ErasureView[]
  next?: string | null
}

export interface PageExchangeView {
  items: ExchangeView[]
  next?: string | null
}

export interface PageFinding {
  items: Finding[]
  next?: string | null
}

export interface PageFlowVersionView {
  items: FlowVersionView[]
  next?: string | null
}

export interface PageFlowView {
  items: FlowView[]
  next?: string | null
}

export interface PageGroupView {
  items: GroupView[]
  next?: string | null
}

export interface PageImported {
  items: Imported[]
  next?: string | null
}

export interface PageLogLine {
  items: LogLine[]
  next?: string | null
}

export interface PageLookupEntry {
  items: LookupEntry[]
  next?: string | null
}

export interface PageLookupView {
  items: LookupView[]
  next?: string | null
}

export interface PageMaskView {
  items: MaskView[]
  next?: string | null
}

export interface PageNoticeView {
  items: NoticeView[]
  next?: string | null
}

export interface PagePauseView {
  items: PauseView[]
  next?: string | null
}

export interface PagePayloadView {
  items: PayloadView[]
  next?: string | null
}

export interface PagePoolEntryView {
  items: PoolEntryView[]
  next?: string | null
}

export interface PagePoolView {
  items: PoolView[]
  next?: string | null
}

export interface PageQueueItem {
  items: QueueItem[]
  next?: string | null
}

export interface PageRunRow {
  items: RunRow[]
  next?: string | null
}

export interface PageSessionView {
  items: SessionView[]
  next?: string | null
}

export interface PageSettingView {
  items: SettingView[]
  next?: string | null
}

export interface PageShapeView {
  items: ShapeView[]
  next?: string | null
}

export interface PageTokenView {
  items: TokenView[]
  next?: string | null
}

export interface PageTriggerView {
  items: TriggerView[]
  next?: string | null
}

/** One's own password. All other sessions of the account end. */
export interface PasswordChange {
  current: string
  password: string
}

/** What to pause; `name` of a flow or connection. */
export interface PauseRequest {
  kind: 'all' | 'flow' | 'connection'
  name?: string
  reason?: string
}

export interface PauseView {
  kind: 'all' | 'flow' | 'connection'
  name: string
  reason: string
  actor: string
  at: string
}

/** A payload with where it stands and, as far as it is bounded, its text. `text` is at most 64 KiB of the content as stored, then ends in `[trimmed]`; null where the content is not text. `edited_from` links an edited payload to its original, `patch` is the JSON Patch between them. `masked`: masking rules hold for it, so its bytes are handed out without what they hide, and `digest` is not that of its bytes. */
export interface PayloadDetail {
  id: string
  items: number | null
  size_bytes: number
  media_type: string
  meta: Record<string, string>
  expired?: boolean
  healed_by?: string | null
  run: string | null
  step: string | null
  side: 'in' | 'out' | 'failed' | null
  position: number
  items_path: string
  digest: string
  text: string | null
  trimmed: boolean
  edited_from?: string | null
  patch?: (Record<string, Json>)[] | null
  edit_reason?: string | null
  masked?: boolean
}

/** Two payloads item by item. Items with equal bytes are equal wherever they stand; the others belong together by their key, else by their order. */
export interface PayloadDiff {
  before: string
  after: string
  same: boolean
  equal: number
  changed: number
  added: number
  removed: number
  key: string | null
  differences: ItemDifference[]
  more?: boolean
}

/** One payload in a list. `items` is null where the payload's form is not known. */
export interface PayloadView {
  id: string
  items: number | null
  size_bytes: number
  media_type: string
  meta: Record<string, string>
  expired?: boolean
  healed_by?: string | null
}

/** Which items a selection takes. `ranges` may end before all of them: `more` says so. */
export interface Picked {
  payload: string
  count: number
  total: number | null
  ranges: number[][]
  more?: boolean
}

/** What one send step would do. A count that cannot be known before it runs is null. */
export interface PlanStep {
  step: string
  to_send: number | null
  delivered: number | null
  changed: number | null
  unknown: number | null
  newer?: number | null
  details?: (Record<string, Json>)[]
}

export interface PlanView {
  source_run: string | null
  start: Record<string, Json>
  version: number
  clock: string
  skips: string[]
  steps: PlanStep[]
  warnings: string[]
  delivery?: string | null
  confirm?: string | null
}

/** A key in a pool: since when, and which run put it there (null: a person). */
export interface PoolEntryView {
  key: string
  at: string
  run: string | null
  provisional?: boolean
}

/** A data pool; `flow` is null where flows share it. Provisional entries belong to runs under way. */
export interface PoolView {
  name: string
  flow: string | null
  entries: number
  provisional: number
  created_at: string
}

/** The body of every answer that is not a success (RFC 9457, with the error object of the CLI). */
export interface ProblemDetails {
  type: string
  title: string
  status: number
  code: string
  detail: string
  at?: string | null
  hint?: string | null
  request_id: string
  problems?: ProblemView[] | null
}

/** One fault of a document, as `check` and a refused import list it. */
export interface ProblemView {
  code: string
  title: string
  file?: string | null
  line?: number | null
  step?: string | null
  setting?: string | null
  expected?: string | null
  nearest?: string | null
}

/** A run that waits. `reason` tells why in words, `kind` for programs. */
export interface QueueItem {
  position: number
  run: string
  flow: string
  priority: string
  queued_at: string
  reason: string
  kind: 'paused' | 'circuit' | 'overlap' | 'key_limit' | 'flow_limit' | 'connection_limit' | 'system_limit' | 'turn' | 'next' | 'runner'
  waits_for?: string | null
  connection?: string | null
  until?: string | null
}

/** Nothing is sent from `start` to `end`, HH:MM; what comes up meanwhile is sent at `end`. */
export interface QuietHoursView {
  start: string
  end: string
  timezone?: string
}

/** Where to start (`after` or `at`, one of them), with what, how. `edits` maps payload ids of the start bucket to ids of uploads that replace them; `item_edits` payload ids to new texts of single items, by the item's number. */
export interface RedriveRequest {
  after?: string | null
  at?: string | null
  payloads?: string[]
  edits?: Record<string, string>
  item_edits?: Record<string, Record<string, string>>
  items?: string | null
  skips?: string[]
  variables?: Record<string, Json>
  version?: string
  clock?: 'original' | 'now'
  delivery?: 'send_changed' | 'skip_delivered' | 'send_all' | null
  reason?: string | null
  force?: boolean
  confirm?: boolean
}

/** An operation that is not in the document, why, and the way out. */
export interface RefusedOperation {
  operation: string
  reason: string
  why: string
  way_out: string
}

/** How many entries were taken away. */
export interface Removed {
  removed: number
}

export interface ReplayBody {
  version?: string
}

/** One step of a replayed run beside the run as it was. `same`, `changed` (its outputs, how it ended, or what it sends), `new` and `gone` (the step is in one of the versions only), `not_compared` (`lines` say why). */
export interface ReplayStep {
  step: string
  shape: string
  result: 'same' | 'changed' | 'new' | 'gone' | 'not_compared'
  payloads_before?: number | null
  payloads_after?: number | null
  items_before?: number | null
  items_after?: number | null
  lines?: string[]
}

/** A past run, run again on another version against its recorded answers. Nothing was recorded. */
export interface ReplayView {
  run: string
  flow: string
  version: number
  replayed: string
  same: boolean
  status_before: string
  status_after: string
  clock: string
  steps: ReplayStep[]
  notes?: string[]
}

export interface ResolveBody {
  sent: boolean
  reason: string
}

export interface RestoreBody {
  version: number
  /** Why; kept with the version. */
  note?: string | null
}

/** A version that is the draft now. `kept`: the number under which the draft before it is kept, null where a version held it already or there was none. */
export interface Restored {
  flow: string
  version: number
  kept: number | null
}

/** `compact`: then the database is written anew, so that its file shrinks. */
export interface RetentionBody {
  compact?: boolean
}

/** What the next pass would take away. `size_bytes`: what the steps of these runs had put out. */
export interface RetentionPlan {
  flows: FlowRetention[]
  every_s: number
  last_at: string | null
}

/** What a pass took away. `size_bytes` are plain bytes, before compression. */
export interface RetentionResult {
  expired: number
  deleted: number
  waiting: number
  uploads: number
  start_keys: number
  contents: number
  size_bytes: number
  objects: number
  compacted?: boolean
}

export interface RetryRequest {
  from?: 'failed' | 'start'
  delivery?: 'send_changed' | 'skip_delivered' | 'send_all' | null
  reason?: string | null
  confirm?: boolean
}

/** `lost`: go on though some secrets open with no key. `hook_tokens`: new made tokens for hooks too. */
export interface RotateRequest {
  lost?: boolean
  hook_tokens?: boolean
}

/** `key` seals now. `unreadable` have to be given again. */
export interface Rotated {
  key: string
  sealed: number
  dropped: string[]
  unreadable: string[]
}

/** What a list tells of a run beyond its row: how much went through it, and why it failed. Counted are the payloads that its own steps put out, and what stands in them. */
export interface RunBrief {
  payloads: number
  items: number
  size_bytes: number
  delivered?: number
  cause?: Cause | null
}

/** A run as the run log lists it: the run object without its steps. */
export interface RunRow {
  id: string
  flow: string
  version: number
  status: 'queued' | 'running' | 'success' | 'partial_success' | 'failure' | 'stopped'
  trigger: string
  warnings: number
  summary: string
  queued_at: string
  started_at: string | null
  finished_at: string | null
  duration_s: number | null
  clock: string
  variables: Record<string, Json>
  source_run: string | null
  start_step: string | null
  redrives: string[]
  parent_run?: string | null
  parent_step?: string | null
  healed_by?: string | null
  pinned?: boolean
  payloads_expired?: boolean
  brief?: RunBrief | null
}

export interface RunView {
  id: string
  flow: string
  version: number
  status: 'queued' | 'running' | 'success' | 'partial_success' | 'failure' | 'stopped'
  trigger: string
  warnings: number
  summary: string
  queued_at: string
  started_at: string | null
  finished_at: string | null
  duration_s: number | null
  clock: string
  variables: Record<string, Json>
  source_run: string | null
  start_step: string | null
  redrives: string[]
  parent_run?: string | null
  parent_step?: string | null
  healed_by?: string | null
  pinned?: boolean
  payloads_expired?: boolean
  brief?: RunBrief | null
  steps: StepRunView[]
  plan?: Record<string, Json> | null
}

/** The runs that a list with these filters shows. */
export interface RunsWhere {
  status?: string | null
  flow?: string | null
  trigger?: string | null
  since?: string | null
  until?: string | null
  text?: string | null
  version?: number | null
  warnings?: boolean | null
  label?: string | null
  value?: string | null
  unhealed?: boolean
}

/** The next five times of a schedule of a document. */
export interface ScheduleTimes {
  flow: string
  rule: string
  next: string[]
}

/** The search index: what it holds, and what it has not taken up yet: counted as far as 5,000 runs, so that asking costs the same however many there are. */
export interface SearchStatus {
  enabled: boolean
  state: 'off' | 'missing' | 'building' | 'behind' | 'complete'
  waiting_runs: number
  waiting_payloads: number
  waiting_since: string | null
  older_runs: number
  documents: number
  size_bytes: number
}

/** Which key seals, which are at hand, and what none of them opens. */
export interface SecretsStatus {
  source: string
  managed: boolean
  seals: string | null
  sealed: number
  keys: KeyView[]
  unreadable: string[]
}

/** A browser that is signed in. `account` null: as the local administrator, by a one-time link. */
export interface SessionView {
  id: string
  account: string | null
  way: 'password' | 'link' | 'oidc'
  address?: string | null
  agent?: string | null
  created_at: string
  seen_at: string
  expires_at: string
  current?: boolean
}

/** One setting that differs: its place (`fields[2].to`), what it was, what it is. */
export interface SettingChange {
  setting: string
  kind: 'added' | 'removed' | 'changed'
  old?: Json
  new?: Json
}

/** A setting in force. A secret's value is masked. */
export interface SettingView {
  name: string
  value: string | number | boolean | null
  source: string
  unit?: string | null
  help: string
}

/** What a connection of the connector says. */
export interface SettingWanted {
  name: string
  description: string
  secret?: boolean
  default?: string | null
  one_of?: string[]
}

/** A shape that steps may have. `package` is where it comes from. */
export interface ShapeView {
  shape: string
  version: number
  group: string
  summary: string
  help: string
  package: string
  effects: boolean
  gathers: boolean
  owns_steps: string[]
  settings_schema: Record<string, Json>
  examples: (Record<string, Json>)[]
}

export interface SignInRequest {
  name: string
  password: string
}

/** A start of a flow document that need not be imported. */
export interface StartDocumentBody {
  variables?: Record<string, Json>
  payloads?: string[]
  skips?: string[]
  version?: string | null
  delivery?: 'send_changed' | 'skip_delivered' | 'send_all' | null
  reason?: string | null
  clock?: string | null
  document: DocumentBody
}

/** What a start of a flow version can be given: variables, and steps that may be skipped. `version` null: the draft. `deployed_skips`: steps that the deployed version skips in every run. */
export interface StartOptions {
  flow: string
  version: number | null
  variables: StartVariable[]
  steps: StartStep[]
  deployed_skips: string[]
}

/** How to start a run without a source. `payloads` are ids of stored payloads or uploads. */
export interface StartRequest {
  variables?: Record<string, Json>
  payloads?: string[]
  skips?: string[]
  version?: string | null
  delivery?: 'send_changed' | 'skip_delivered' | 'send_all' | null
  reason?: string | null
  clock?: string | null
}

export interface StartStep {
  step: string
  shape: string
  name?: string | null
  skip?: boolean
  depth?: number
}

export interface StartVariable {
  name: string
  type: string
  default?: Json
  description?: string
  required?: boolean
}

/** One step that differs. Places read `first`, `after STEP`, and ` in STEP/PATH` inside a path. */
export interface StepDifference {
  step: string
  shape: string
  result: 'added' | 'removed' | 'changed' | 'moved'
  moved?: boolean
  place_before?: string | null
  place_after?: string | null
  changes?: SettingChange[]
}

/** One step of a run. The payload lists hold at most the first 100; `*_next` is a cursor. */
export interface StepRunView {
  step: string
  shape: string
  name?: string | null
  status: 'pending' | 'running' | 'success' | 'partial_success' | 'failure' | 'skipped' | 'stopped' | 'kept'
  attempts: number
  started_at?: string | null
  duration_s?: number | null
  warnings: number
  payloads_in: PayloadView[]
  payloads_in_next?: string | null
  payloads_out: PayloadView[]
  payloads_out_next?: string | null
  failed_payloads: PayloadView[]
  failed_payloads_next?: string | null
  counts?: Record<string, number>
  deliveries?: DeliveryCounts
  error?: ErrorView | null
  next_attempt_at?: string | null
  healed_by?: string | null
  waits?: Record<string, string> | null
  called?: string[]
}

export interface StopBody {
  force?: boolean
}

/** What an import of CSV has done; `duplicates` are rows left out because their key stood twice. */
export interface TableImported {
  name: string
  entries: number
  duplicates?: number
  header: boolean
  delimiter: string
}

/** How a test message went, by URL: null where it was sent, else why it was not. */
export interface TestSent {
  sent: boolean
  results: Record<string, string | null>
}

/** Documents whose tests are run; `only`: names of tests. */
export interface TestsBody {
  documents: DocumentBody[]
  files?: FileBody[]
  only?: string[]
}

export interface TokenBody {
  name: string
  days?: number | null
  /** Roles and rights, side by side. */
  scopes?: string[] | null
}

/** `account` null: made in the home itself. `scopes`: roles and rights, side by side. */
export interface TokenView {
  id: string
  name: string
  account?: string | null
  scopes: string[]
  created_at: string
  expires_at?: string | null
  last_used_at?: string | null
}

/** A payload that came out. `text` is at most 64 KiB of it; null where it is not text. */
export interface TrialPayload {
  items: number | null
  size_bytes: number
  media_type: string
  meta: Record<string, string>
  text: string | null
  trimmed?: boolean
  path?: string | null
}

/** One shape on payloads: either `shape` and `settings`, or the `step` of a `flow`. */
export interface TrialRequest {
  shape?: string | null
  settings?: Record<string, Json>
  flow?: string | null
  step?: string | null
  version?: string | null
  payloads?: string[]
  values?: Json[]
  variables?: Record<string, Json>
  clock?: string | null
  exchanges?: (Record<string, Json>)[]
}

/** A request that would have been sent. */
export interface TrialSent {
  method: string
  url: string
  body: string | null
  size_bytes: number
}

/** What one shape did. No run was recorded, nothing was sent. */
export interface TrialView {
  shape: string
  status: string
  payloads: TrialPayload[]
  payloads_out: number
  items_out: number
  failed: number
  error: ErrorView | null
  logs: LogLine[]
  sent?: TrialSent[]
}

/** The beginning of a body; `text` null: it is not text. */
export interface TriedBody {
  size_bytes: number
  text?: string | null
  trimmed?: boolean
}

/** One request and its answer, secrets masked. */
export interface TriedExchange {
  method: string
  url: string
  headers?: ([string, string])[]
  body?: TriedBody | null
  status?: number | null
  answer_headers?: ([string, string])[]
  answer?: TriedBody | null
  error?: string | null
  duration_ms?: number
}

/** What the endpoint puts out: the first items of the page as their own text. */
export interface TriedPayload {
  media_type: string
  items: number | null
  size_bytes: number
  preview?: string[]
  more?: number
}

/** One trigger of the deployed version of a flow, else of its draft. `missing` says what keeps it from starting runs: `enabled`, `deployed`. Of a schedule: its rule, the next five times (also while it is not active) and the latest one that started a run. Of a hook: its address, what a call needs (`token`, `signature`, `open`), and the token where Redrive makes it. */
export interface TriggerView {
  flow: string
  kind: string
  name?: string | null
  version?: number | null
  active: boolean
  missing?: string[]
  rule?: string | null
  missed?: string | null
  next?: string[]
  last?: string | null
  last_run?: string | null
  address?: string | null
  methods?: string[]
  wants?: string[]
  token?: string | null
  problems?: string[]
}

/** Call one endpoint once. A send needs `confirm`: it really sends, and keeps no delivery. `with`: its parameters; what is sent: `payload` (an id), `text`, or `sample` (that of the connector). */
export interface TryRequest {
  endpoint: string
  with?: Record<string, Json>
  payload?: string | null
  text?: string | null
  media_type?: string | null
  sample?: boolean
  page?: number
  confirm?: boolean
}

/** `pages` counts those that were asked for; `payload` is the last of them, or the last answer. */
export interface TryView {
  connection: string
  endpoint: string
  direction: string
  success: boolean
  pages?: number
  payload?: TriedPayload | null
  exchanges?: TriedExchange[]
  exchanges_left_out?: number
  logs?: string[]
  error?: ErrorView | null
}

/** Bytes put into the store, to be used as a payload of a start. */
export interface UploadView {
  id: string
  size_bytes: number
  media_type: string
  items_path: string
  items: number | null
}

/** Where a message goes, as an Apprise URL: as it is (it is sealed and never shown again), or taken from an environment variable or a file when a message is sent. */
export interface Url {
  /** An Apprise URL. */
  url?: string | null
  /** Environment variable. */
  env?: string | null
  /** File. */
  file?: string | null
}

/** One place that an item passed: `depth` steps before (negative) or after the item asked for. */
export interface Waypoint {
  depth: number
  run: string
  step: string | null
  side: 'in' | 'out' | 'failed'
  payload: string
  item: number
  expired?: boolean
}

/** How a person can sign in here. `oidc` is the name to show on the button, or null. */
export interface WaysIn {
  password: boolean
  oidc?: string | null
}

export interface Routes {
  'GET /api/v1/accounts': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageAccountView }
  'POST /api/v1/accounts': { query: Record<string, never>; body: AccountRequest; answer: AccountView }
  'DELETE /api/v1/accounts/{name}': { query: Record<string, never>; body: undefined; answer: Removed }
  'GET /api/v1/accounts/{name}': { query: Record<string, never>; body: undefined; answer: AccountView }
  'PATCH /api/v1/accounts/{name}': { query: Record<string, never>; body: AccountChange; answer: AccountView }
  'GET /api/v1/audit': { query: { who?: string | null; what?: string | null; subject?: string | null; since?: string | null; limit?: number; cursor?: string | null }; body: undefined; answer: PageAuditLine }
  'GET /api/v1/backups': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageBackupView }
  'POST /api/v1/backups': { query: { name?: string; secrets?: boolean }; body: undefined; answer: undefined }
  'GET /api/v1/bulks': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageBulkView }
  'POST /api/v1/bulks': { query: Record<string, never>; body: BulkRequest; answer: BulkView }
  'POST /api/v1/bulks/plan': { query: Record<string, never>; body: BulkRequest; answer: BulkPlan }
  'GET /api/v1/bulks/{bulk_id}': { query: Record<string, never>; body: undefined; answer: BulkView }
  'POST /api/v1/bulks/{bulk_id}/cancel': { query: Record<string, never>; body: undefined; answer: BulkView }
  'POST /api/v1/bulks/{bulk_id}/pause': { query: Record<string, never>; body: undefined; answer: BulkView }
  'POST /api/v1/bulks/{bulk_id}/resume': { query: Record<string, never>; body: undefined; answer: BulkView }
  'GET /api/v1/bulks/{bulk_id}/runs': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageBulkRun }
  'GET /api/v1/caches': { query: { scope?: 'run' | 'flow' | 'company' | null; name?: string | null; limit?: number; cursor?: string | null }; body: undefined; answer: PageCacheView }
  'DELETE /api/v1/caches/{cache}': { query: Record<string, never>; body: undefined; answer: Removed }
  'GET /api/v1/caches/{cache}': { query: Record<string, never>; body: undefined; answer: CacheView }
  'POST /api/v1/caches/{cache}/clear': { query: { expired?: boolean }; body: undefined; answer: Removed }
  'GET /api/v1/caches/{cache}/content': { query: { entry: string; page?: number }; body: undefined; answer: undefined }
  'DELETE /api/v1/caches/{cache}/entries': { query: { entry: string }; body: undefined; answer: Removed }
  'GET /api/v1/caches/{cache}/entries': { query: { text?: string | null; limit?: number; cursor?: string | null }; body: undefined; answer: PageCacheEntryView }
  'GET /api/v1/caches/{cache}/pages': { query: { entry: string }; body: undefined; answer: PageCachePageView }
  'POST /api/v1/checks': { query: Record<string, never>; body: CheckBody; answer: CheckResult }
  'GET /api/v1/circuits': { query: Record<string, never>; body: undefined; answer: PageCircuitView }
  'POST /api/v1/circuits/{connection}/reset': { query: Record<string, never>; body: undefined; answer: Removed }
  'GET /api/v1/connections': { query: Record<string, never>; body: undefined; answer: PageConnectionView }
  'DELETE /api/v1/connections/{name}': { query: Record<string, never>; body: undefined; answer: Removed }
  'POST /api/v1/connections/{name}/authorizations': { query: Record<string, never>; body: AuthorizeBody; answer: AuthorizationView }
  'POST /api/v1/connections/{name}/authorizations/complete': { query: Record<string, never>; body: AuthorizedBody; answer: AuthorizationView }
  'GET /api/v1/connections/{name}/document': { query: Record<string, never>; body: undefined; answer: undefined }
  'POST /api/v1/connections/{name}/tries': { query: Record<string, never>; body: TryRequest; answer: TryView }
  'GET /api/v1/connections/{name}/uses': { query: Record<string, never>; body: undefined; answer: PageConnectionUse }
  'GET /api/v1/connectors': { query: Record<string, never>; body: undefined; answer: PageConnectorView }
  'POST /api/v1/connectors/imports': { query: Record<string, never>; body: DescriptionRequest; answer: DescriptionImported }
  'DELETE /api/v1/connectors/{name}': { query: Record<string, never>; body: undefined; answer: Removed }
  'GET /api/v1/connectors/{name}': { query: Record<string, never>; body: undefined; answer: ConnectorDetail }
  'GET /api/v1/connectors/{name}/document': { query: Record<string, never>; body: undefined; answer: undefined }
  'GET /api/v1/deliveries': { query: { status?: 'begun' | 'delivered' | 'rejected' | 'unknown' | null; key?: string | null; limit?: number; cursor?: string | null }; body: undefined; answer: PageDeliveryView }
  'GET /api/v1/deliveries/{delivery_id}': { query: Record<string, never>; body: undefined; answer: DeliveryView }
  'POST /api/v1/deliveries/{delivery_id}/resolve': { query: Record<string, never>; body: ResolveBody; answer: DeliveryView }
  'GET /api/v1/doctor': { query: Record<string, never>; body: undefined; answer: PageFinding }
  'POST /api/v1/doctor/contents': { query: Record<string, never>; body: ContentsBody; answer: ContentsChecked }
  'GET /api/v1/erasures': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageErasureView }
  'POST /api/v1/erasures': { query: Record<string, never>; body: EraseRequest; answer: ErasureView }
  'POST /api/v1/erasures/plan': { query: Record<string, never>; body: EraseRequest; answer: ErasePlan }
  'GET /api/v1/exchanges/{exchange_id}/{which}': { query: Record<string, never>; body: undefined; answer: undefined }
  'GET /api/v1/find': { query: { value: string; field?: string | null; everywhere?: boolean; limit?: number; cursor?: string | null }; body: undefined; answer: FindPage }
  'GET /api/v1/flows': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageFlowView }
  'DELETE /api/v1/flows/{name}': { query: Record<string, never>; body: undefined; answer: undefined }
  'GET /api/v1/flows/{name}': { query: Record<string, never>; body: undefined; answer: FlowView }
  'PATCH /api/v1/flows/{name}': { query: Record<string, never>; body: FlowChangeBody; answer: FlowView }
  'GET /api/v1/flows/{name}/bundle': { query: { version?: string | null }; body: undefined; answer: Bundle }
  'POST /api/v1/flows/{name}/deploy': { query: Record<string, never>; body: DeployBody; answer: FlowVersionView }
  'GET /api/v1/flows/{name}/diff': { query: { before?: string | null; after?: string | null }; body: undefined; answer: FlowDiff }
  'GET /api/v1/flows/{name}/document': { query: { version?: string | null }; body: undefined; answer: undefined }
  'POST /api/v1/flows/{name}/restore': { query: Record<string, never>; body: RestoreBody; answer: Restored }
  'POST /api/v1/flows/{name}/runs': { query: { trigger?: 'api' | 'manual' }; body: StartRequest; answer: RunRow }
  'POST /api/v1/flows/{name}/runs/plan': { query: { trigger?: 'api' | 'manual' }; body: StartRequest; answer: PlanView }
  'GET /api/v1/flows/{name}/start-form': { query: { version?: string | null }; body: undefined; answer: StartOptions }
  'POST /api/v1/flows/{name}/tests': { query: Record<string, never>; body: FlowTestsBody; answer: FlowTestReport }
  'GET /api/v1/flows/{name}/versions': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageFlowVersionView }
  'GET /api/v1/groups': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageGroupView }
  'DELETE /api/v1/groups/{name}': { query: Record<string, never>; body: undefined; answer: Removed }
  'GET /api/v1/groups/{name}': { query: Record<string, never>; body: undefined; answer: GroupView }
  'PUT /api/v1/groups/{name}': { query: Record<string, never>; body: GroupRequest; answer: GroupView }
  'POST /api/v1/groups/{name}/test': { query: Record<string, never>; body: undefined; answer: TestSent }
  'GET /api/v1/health': { query: Record<string, never>; body: undefined; answer: Health }
  'POST /api/v1/imports': { query: Record<string, never>; body: ImportBody; answer: PageImported }
  'GET /api/v1/insights': { query: { flow?: string | null; since?: string | null; bucket?: 'hour' | 'day' | null }; body: undefined; answer: InsightsView }
  'POST /api/v1/login-links': { query: Record<string, never>; body: undefined; answer: LoginLink }
  'GET /api/v1/lookups': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageLookupView }
  'DELETE /api/v1/lookups/{name}': { query: Record<string, never>; body: undefined; answer: Removed }
  'GET /api/v1/lookups/{name}': { query: Record<string, never>; body: undefined; answer: LookupView }
  'POST /api/v1/lookups/{name}/clear': { query: Record<string, never>; body: undefined; answer: Removed }
  'DELETE /api/v1/lookups/{name}/entries': { query: { from: string }; body: undefined; answer: Removed }
  'GET /api/v1/lookups/{name}/entries': { query: { text?: string | null; limit?: number; cursor?: string | null }; body: undefined; answer: PageLookupEntry }
  'PUT /api/v1/lookups/{name}/entries': { query: Record<string, never>; body: LookupEntry; answer: LookupView }
  'GET /api/v1/lookups/{name}/export': { query: Record<string, never>; body: undefined; answer: undefined }
  'GET /api/v1/lookups/{name}/find': { query: { value: string; direction?: 'forward' | 'backward'; match?: 'exact' | 'trimmed' | 'case_insensitive' | 'loose' | 'prefix' }; body: undefined; answer: LookupAnswer }
  'POST /api/v1/lookups/{name}/import': { query: { duplicates?: 'refuse' | 'first' | 'last'; header?: 'auto' | 'yes' | 'no'; column?: string[] | null; delimiter?: string | null; encoding?: string; filename?: string }; body: undefined; answer: TableImported }
  'GET /api/v1/masks': { query: Record<string, never>; body: undefined; answer: PageMaskView }
  'DELETE /api/v1/masks/{name}': { query: Record<string, never>; body: undefined; answer: Removed }
  'GET /api/v1/masks/{name}': { query: Record<string, never>; body: undefined; answer: MaskView }
  'PUT /api/v1/masks/{name}': { query: Record<string, never>; body: MaskRequest; answer: MaskView }
  'GET /api/v1/me': { query: Record<string, never>; body: undefined; answer: Me }
  'PUT /api/v1/me/password': { query: Record<string, never>; body: PasswordChange; answer: undefined }
  'GET /api/v1/notices': { query: { group?: string | null; status?: 'waiting' | 'sent' | 'failed' | null; limit?: number; cursor?: string | null }; body: undefined; answer: PageNoticeView }
  'POST /api/v1/notices/{notice}/send': { query: Record<string, never>; body: undefined; answer: NoticeView }
  'GET /api/v1/oidc/callback': { query: Record<string, never>; body: undefined; answer: undefined }
  'GET /api/v1/oidc/start': { query: { to?: string }; body: undefined; answer: undefined }
  'GET /api/v1/overview': { query: Record<string, never>; body: undefined; answer: Overview }
  'DELETE /api/v1/pauses': { query: { kind: 'all' | 'flow' | 'connection'; name?: string }; body: undefined; answer: Removed }
  'GET /api/v1/pauses': { query: Record<string, never>; body: undefined; answer: PagePauseView }
  'POST /api/v1/pauses': { query: Record<string, never>; body: PauseRequest; answer: PauseView }
  'GET /api/v1/payloads/{payload_id}': { query: { text?: boolean }; body: undefined; answer: PayloadDetail }
  'GET /api/v1/payloads/{payload_id}/content': { query: { items?: string | null }; body: undefined; answer: undefined }
  'GET /api/v1/payloads/{payload_id}/diff': { query: { after: string; key?: string | null }; body: undefined; answer: PayloadDiff }
  'GET /api/v1/payloads/{payload_id}/items': { query: { start?: number; stop?: number | null }; body: undefined; answer: ItemRange }
  'GET /api/v1/payloads/{payload_id}/items/{item}/way': { query: Record<string, never>; body: undefined; answer: ItemWay }
  'GET /api/v1/payloads/{payload_id}/search': { query: { text: string; start?: number; limit?: number; items?: boolean }; body: undefined; answer: HitPage }
  'GET /api/v1/payloads/{payload_id}/selection': { query: { items: string; run?: string | null; step?: string | null; after?: boolean }; body: undefined; answer: Picked }
  'GET /api/v1/payloads/{payload_id}/window': { query: { start?: number; stop?: number | null; item_bytes?: number }; body: undefined; answer: ItemWindow }
  'GET /api/v1/pools': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PagePoolView }
  'DELETE /api/v1/pools/{name}': { query: { flow?: string | null }; body: undefined; answer: Removed }
  'GET /api/v1/pools/{name}': { query: { flow?: string | null }; body: undefined; answer: PoolView }
  'POST /api/v1/pools/{name}/clear': { query: { flow?: string | null; before?: string | null }; body: undefined; answer: Removed }
  'DELETE /api/v1/pools/{name}/entries': { query: { key: string[]; flow?: string | null }; body: undefined; answer: Removed }
  'GET /api/v1/pools/{name}/entries': { query: { flow?: string | null; text?: string | null; before?: string | null; limit?: number; cursor?: string | null }; body: undefined; answer: PagePoolEntryView }
  'PUT /api/v1/pools/{name}/entries': { query: { flow?: string | null }; body: KeysBody; answer: PoolView }
  'GET /api/v1/pools/{name}/export': { query: { flow?: string | null }; body: undefined; answer: undefined }
  'POST /api/v1/pools/{name}/import': { query: { flow?: string | null; header?: 'auto' | 'yes' | 'no'; column?: string[] | null; delimiter?: string | null; encoding?: string; filename?: string }; body: undefined; answer: TableImported }
  'GET /api/v1/queue': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PageQueueItem }
  'PATCH /api/v1/queue/{run_id}': { query: Record<string, never>; body: MoveRequest; answer: QueueItem }
  'GET /api/v1/retention': { query: Record<string, never>; body: undefined; answer: RetentionPlan }
  'POST /api/v1/retention': { query: Record<string, never>; body: RetentionBody; answer: RetentionResult }
  'GET /api/v1/runs': { query: { status?: string | null; flow?: string | null; trigger?: string | null; since?: string | null; text?: string | null; version?: number | null; warnings?: boolean | null; until?: string | null; label?: string | null; value?: string | null; unhealed?: boolean; oldest?: boolean; brief?: boolean; limit?: number; cursor?: string | null }; body: undefined; answer: PageRunRow }
  'POST /api/v1/runs': { query: { trigger?: 'api' | 'manual' }; body: StartDocumentBody; answer: RunRow }
  'POST /api/v1/runs/delete': { query: Record<string, never>; body: DeleteRequest; answer: Deleted }
  'GET /api/v1/runs/events': { query: Record<string, never>; body: undefined; answer: undefined }
  'POST /api/v1/runs/plan': { query: Record<string, never>; body: StartDocumentBody; answer: PlanView }
  'GET /api/v1/runs/{run_id}': { query: { listed?: number }; body: undefined; answer: RunView }
  'GET /api/v1/runs/{run_id}/answer': { query: Record<string, never>; body: undefined; answer: undefined }
  'GET /api/v1/runs/{run_id}/events': { query: Record<string, never>; body: undefined; answer: undefined }
  'GET /api/v1/runs/{run_id}/exchanges': { query: { step?: string | null; limit?: number; cursor?: string | null }; body: undefined; answer: PageExchangeView }
  'GET /api/v1/runs/{run_id}/logs': { query: { step?: string | null; limit?: number; cursor?: string | null }; body: undefined; answer: PageLogLine }
  'DELETE /api/v1/runs/{run_id}/pin': { query: Record<string, never>; body: undefined; answer: RunRow }
  'PUT /api/v1/runs/{run_id}/pin': { query: Record<string, never>; body: undefined; answer: RunRow }
  'POST /api/v1/runs/{run_id}/redrive': { query: Record<string, never>; body: RedriveRequest; answer: RunRow }
  'POST /api/v1/runs/{run_id}/redrive/plan': { query: Record<string, never>; body: RedriveRequest; answer: PlanView }
  'POST /api/v1/runs/{run_id}/replay': { query: Record<string, never>; body: ReplayBody; answer: ReplayView }
  'POST /api/v1/runs/{run_id}/retry': { query: Record<string, never>; body: RetryRequest; answer: RunRow }
  'POST /api/v1/runs/{run_id}/retry/plan': { query: Record<string, never>; body: RetryRequest; answer: PlanView }
  'GET /api/v1/runs/{run_id}/steps/{step}/payloads/{side}': { query: { limit?: number; cursor?: string | null }; body: undefined; answer: PagePayloadView }
  'POST /api/v1/runs/{run_id}/stop': { query: Record<string, never>; body: StopBody; answer: RunRow }
  'POST /api/v1/runs/{run_id}/test': { query: Record<string, never>; body: MakeTestBody; answer: MadeTest }
  'GET /api/v1/runs/{run_id}/wait': { query: { timeout_s?: number }; body: undefined; answer: RunRow }
  'GET /api/v1/schemas/{kind}': { query: Record<string, never>; body: undefined; answer: Record<string, Json> }
  'POST /api/v1/search/rebuild': { query: Record<string, never>; body: undefined; answer: SearchStatus }
  'GET /api/v1/search/status': { query: Record<string, never>; body: undefined; answer: SearchStatus }
  'GET /api/v1/secrets': { query: Record<string, never>; body: undefined; answer: SecretsStatus }
  'POST /api/v1/secrets/rotate': { query: Record<string, never>; body: RotateRequest; answer: Rotated }
  'DELETE /api/v1/session': { query: Record<string, never>; body: undefined; answer: undefined }
  'GET /api/v1/sessions': { query: { all?: boolean }; body: undefined; answer: PageSessionView }
  'DELETE /api/v1/sessions/{session_id}': { query: Record<string, never>; body: undefined; answer: Removed }
  'GET /api/v1/settings': { query: Record<string, never>; body: undefined; answer: PageSettingView }
  'GET /api/v1/shapes': { query: Record<string, never>; body: undefined; answer: PageShapeView }
  'GET /api/v1/shapes/{kind}': { query: Record<string, never>; body: undefined; answer: ShapeView }
  'POST /api/v1/sign-in': { query: Record<string, never>; body: SignInRequest; answer: Me }
  'POST /api/v1/tests': { query: Record<string, never>; body: TestsBody; answer: FlowTestReport }
  'GET /api/v1/tokens': { query: Record<string, never>; body: undefined; answer: PageTokenView }
  'POST /api/v1/tokens': { query: Record<string, never>; body: TokenBody; answer: NewToken }
  'DELETE /api/v1/tokens/{token_id}': { query: Record<string, never>; body: undefined; answer: undefined }
  'POST /api/v1/trials': { query: Record<string, never>; body: TrialRequest; answer: TrialView }
  'GET /api/v1/triggers': { query: { flow?: string | null; limit?: number; cursor?: string | null }; body: undefined; answer: PageTriggerView }
  'POST /api/v1/uploads': { query: { media_type?: string | null; items_path?: string | null; filename?: string | null; like?: string | null }; body: undefined; answer: UploadView }
  'GET /healthz': { query: Record<string, never>; body: undefined; answer: Record<string, string> }
  'GET /readyz': { query: Record<string, never>; body: undefined; answer: Record<string, string> }
}
