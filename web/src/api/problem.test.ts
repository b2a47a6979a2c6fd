import { expect, test } from 'vitest'
import { asProblem, Problem, problemOf } from './problem'

test('a problem keeps what the server said', () => {
  const body = JSON.stringify({
    code: 'run.unknown',
    title: 'Not found',
    detail: 'there is no run',
    hint: 'look',
    request_id: 'q1',
  })
  const problem = problemOf(404, body, null)
  expect(problem).toMatchObject({ code: 'run.unknown', status: 404, hint: 'look', requestId: 'q1' })
  expect(problem.message).toBe('there is no run')
})

test('an answer that is no problem document still makes one', () => {
  expect(problemOf(502, '<html>', 'q2')).toMatchObject({ code: 'http.502', requestId: 'q2' })
  expect(problemOf(500, 'null', null).detail).toBe('It answered 500.')
})

test('what is thrown becomes a problem once', () => {
  const problem = new Problem({ code: 'a', title: 'b', detail: 'c', status: 400 })
  expect(asProblem(problem)).toBe(problem)
  expect(asProblem(new TypeError('x is not a function'))).toMatchObject({ code: 'page.fault' })
})
