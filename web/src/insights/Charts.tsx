/** The charts, drawn as plain SVG, each with its table. */

import { type ReactNode, type RefObject, useId, useLayoutEffect, useRef, useState } from 'react'
import type { InsightBucket } from '~/api/types'
import { Button } from '~/components/Button'
import { count, duration } from '~/components/format'
import { bars, labelled, line, scaleOf } from './chart'
import css from './insights.module.css'
import { bucketWords, failureShare, OUTCOMES, shareWords, WORDS } from './model'

const HEIGHT = 160
/** Beside the drawing: the words of the scale, and half of the last label. */
const LEFT = 58
const RIGHT = 12
/** A label below takes about so much. */
const LABEL = 80

interface Props {
  buckets: InsightBucket[]
  width: string
}

export function VolumeChart({ buckets, width }: Props) {
  const rows = buckets.map((one) => ({
    success: one.success,
    partial_success: one.partial_success,
    failure: one.failure,
    stopped: one.stopped,
  }))
  const { most, ticks } = scaleOf(Math.max(0, ...buckets.map((one) => one.runs)))
  return (
    <Figure
      title="Runs"
      legend={OUTCOMES.map((name) => [WORDS[name], css[name] ?? ''])}
      head={['Runs', ...OUTCOMES.map((name) => WORDS[name])]}
      rows={buckets.map((one) => [
        bucketWords(one, width),
        count(one.runs),
        ...OUTCOMES.map((name) => count(one[name])),
      ])}
    >
      <Frame ticks={ticks} most={most} words={count} buckets={buckets} width={width}>
        {(wide) =>
          bars(rows, OUTCOMES, wide, HEIGHT, most).map((bar, at) => (
            <g key={buckets[at]?.at}>
              {bar.parts.map((part) => (
                <rect
                  key={part.name}
                  className={css[part.name]}
                  x={bar.x}
                  y={part.y}
                  width={bar.width}
                  height={part.height}
                >
                  <title>{`${bucketWords(buckets[at] as InsightBucket, width)}: ${count(part.value)} ${WORDS[part.name as (typeof OUTCOMES)[number]].toLowerCase()}`}</title>
                </rect>
              ))}
            </g>
          ))
        }
      </Frame>
    </Figure>
  )
}

export function DurationChart({ buckets, width }: Props) {
  const { most, ticks } = scaleOf(Math.max(0, ...buckets.map((one) => one.p95_s ?? 0)))
  return (
    <Figure
      title="How long they took"
      legend={[
        ['95 of 100 at most', css.p95 ?? ''],
        ['Half of them at most', css.p50 ?? ''],
      ]}
      head={['Half at most', '95 of 100 at most']}
      rows={buckets.map((one) => [
        bucketWords(one, width),
        one.p50_s == null ? '–' : duration(one.p50_s),
        one.p95_s == null ? '–' : duration(one.p95_s),
      ])}
    >
      <Frame ticks={ticks} most={most} words={duration} buckets={buckets} width={width}>
        {(wide) => (
          <>
            <path
              className={`${css.line} ${css.p95}`}
              d={line(
                buckets.map((one) => one.p95_s),
                wide,
                HEIGHT,
                most,
              )}
            />
            <path
              className={`${css.line} ${css.p50}`}
              d={line(
                buckets.map((one) => one.p50_s),
                wide,
                HEIGHT,
                most,
              )}
            />
          </>
        )}
      </Frame>
    </Figure>
  )
}

export function FailureChart({ buckets, width }: Props) {
  const shares = buckets.map(failureShare)
  const { most, ticks } = scaleOf(Math.max(1, ...shares.map((one) => one ?? 0)))
  return (
    <Figure
      title="Share that failed"
      legend={[['Failed, wholly or in part', css.failure ?? '']]}
      head={['Share', 'Failed', 'Runs']}
      rows={buckets.map((one, at) => [
        bucketWords(one, width),
        shareWords(shares[at] ?? null),
        count(one.failure + one.partial_success),
        count(one.runs),
      ])}
    >
      <Frame ticks={ticks} most={most} words={(value) => `${value} %`} buckets={buckets} width={width}>
        {(wide) => <path className={`${css.line} ${css.failing}`} d={line(shares, wide, HEIGHT, most)} />}
      </Frame>
    </Figure>
  )
}

interface FrameProps extends Props {
  ticks: number[]
  most: number
  words(value: number): string
  /** What is drawn over the scale, so many pixels wide. */
  children(wide: number): ReactNode
}

/** The lines of the scale and the labels below. One unit is one pixel: texts have one size in every chart. */
function Frame({ ticks, most, words, buckets, width, children }: FrameProps) {
  const [box, whole] = useWidth()
  const wide = Math.max(1, whole - LEFT - RIGHT)
  const each = wide / Math.max(1, buckets.length)
  return (
    <div className={css.chart} ref={box}>
      <svg viewBox={`${-LEFT} -10 ${LEFT + wide + RIGHT} ${HEIGHT + 34}`} aria-hidden="true">
        {ticks.map((tick) => {
          const y = HEIGHT - (tick / most) * HEIGHT
          return (
            <g key={tick}>
              <line className={css.grid} x1={0} x2={wide} y1={y} y2={y} />
              <text className={css.tick} x={-8} y={y + 4} textAnchor="end">
                {words(tick)}
              </text>
            </g>
          )
        })}
        {children(wide)}
        {labelled(buckets.length, Math.max(2, Math.floor(wide / LABEL))).map((at) => (
          <text key={at} className={css.tick} x={at * each + each / 2} y={HEIGHT + 18} textAnchor="middle">
            {bucketWords(buckets[at] as InsightBucket, width)}
          </text>
        ))}
      </svg>
    </div>
  )
}

/** A box, and its width in pixels. */
function useWidth(): [box: RefObject<HTMLDivElement | null>, width: number] {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const place = box.current
    if (place === null) return
    const measure = (): void => setWidth(place.clientWidth)
    measure()
    const watch = new ResizeObserver(measure)
    watch.observe(place)
    return () => watch.disconnect()
  }, [])
  return [box, width]
}

interface FigureProps {
  title: string
  legend: [words: string, className: string][]
  head: string[]
  rows: string[][]
  children: ReactNode
}

function Figure({ title, legend, head, rows, children }: FigureProps) {
  const id = useId()
  const [open, setOpen] = useState(false)
  return (
    <section className={`card ${css.figure}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <ul className={css.legend} aria-label="Colours">
          {legend.map(([words, className]) => (
            <li key={words}>
              <span className={`${css.swatch} ${className}`} aria-hidden="true" /> {words}
            </li>
          ))}
        </ul>
        <span className="grow" />
        <Button kind="bare" icon="table" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Hide the table' : 'As a table'}
        </Button>
      </header>
      {children}
      <div className={open ? css.data : 'unseen'}>
        <table>
          <caption className="unseen">{title} (UTC)</caption>
          <thead>
            <tr>
              <th scope="col">When (UTC)</th>
              {head.map((one) => (
                <th key={one} scope="col">
                  {one}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={at}>
                <th scope="row">{row[0]}</th>
                {row.slice(1).map((cell, index) => (
                  <td key={index}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
