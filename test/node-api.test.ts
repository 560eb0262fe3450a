/** No use of Node-API or V8 in the addon goes unchecked: see scripts/check-node-api.mjs. */
import { describe, expect, test } from 'vitest'
import { checkNodeApi, findUnchecked } from '../scripts/check-node-api.mjs'

test('the addon looks at every status of Node-API, and unpacks what V8 may not have made', () => {
  expect(checkNodeApi()).toEqual([])
})

describe('the check finds', () => {
  test.each([
    ['a status that is dropped', 'napi_create_object(env, &made);', 1],
    ['a status that is compared by hand', 'if (napi_create_object(env, &made) != napi_ok)\n  return;', 1],
    ['a call in a condition of its own', 'return ok ||\n  node_api_create_buffer(env, &made) == napi_ok;', 2],
    ['a status that must not be ignored', 'ignored(napi_create_object(env, &made));', 1],
    ['an object of node-addon-api', 'int a;\nNapi::Object made = Napi::Object::New(env);', 2],
    ['a value that ends the process if it is not there', 'x = text.ToLocalChecked();', 1],
    ['a function that may not have been made', 'auto made = plan->GetFunction(context);', 1],
    ['an end of the process', 'if (bad)\n  abort();', 2],
  ])('%s', (_, text, line) => {
    expect(findUnchecked(text)[0]?.line).toBe(line)
  })

  test('nothing in sound code', () => {
    const text = `
      // napi_create_object(env, &made);
      if (!succeeded(napi_create_object(env, &made)) || !succeeded(
          napi_create_string(env, "abort()", &text)))
        ignored(napi_throw_error(env, nullptr, "no"));
      if (!plan->GetFunction(context).ToLocal(&made)) return;`
    expect(findUnchecked(text)).toEqual([])
  })
})
