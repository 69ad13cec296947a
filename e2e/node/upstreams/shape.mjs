// What a provider takes, as data: a shape is a function that throws a Violation for
// a value that does not fit. Objects refuse members that they do not name, as the
// providers do.

export class Violation extends Error {
  constructor(path, text) {
    super(`${path || 'body'}: ${text}`);
    this.path = path;
  }
}

export const refuse = (path, text) => {
  throw new Violation(path, text);
};

const kind = (v) => (v === null ? 'null' : Array.isArray(v) ? 'array' : typeof v);
const want = (v, path, name) => kind(v) === name || refuse(path, `expected ${name}, got ${kind(v)}`);

export const any = () => {};
export const bool = (v, path) => want(v, path, 'boolean');
export const map = (v, path) => want(v, path, 'object');
export const text = (v, path) => want(v, path, 'string');

export const filled = (v, path) => {
  text(v, path);
  if (v === '') refuse(path, 'must not be empty');
};

export const like = (re) => (v, path) => {
  text(v, path);
  if (!re.test(v)) refuse(path, `${JSON.stringify(v.slice(0, 80))} does not match ${re}`);
};

export const word = (...words) => (v, path) => {
  if (!words.includes(v)) refuse(path, `${JSON.stringify(v)} is none of ${words.join(', ')}`);
};

export const number = (min = -Infinity, max = Infinity) => (v, path) => {
  want(v, path, 'number');
  if (v < min || v > max) refuse(path, `${v} is not between ${min} and ${max}`);
};

export const whole = (min = -Infinity, max = Infinity) => (v, path) => {
  number(min, max)(v, path);
  if (!Number.isInteger(v)) refuse(path, `${v} is not an integer`);
};

export const orNull = (shape) => (v, path) => v === null || shape(v, path);

export const list = (shape, min = 0, max = Infinity) => (v, path) => {
  want(v, path, 'array');
  if (v.length < min || v.length > max) refuse(path, `has ${v.length} elements, allowed are ${min} to ${max}`);
  v.forEach((e, i) => shape(e, `${path}[${i}]`));
};

// object takes {name: shape}; a name that ends in ? may be absent.
export const object = (members) => {
  const known = new Map();
  for (const [name, shape] of Object.entries(members)) {
    const optional = name.endsWith('?');
    known.set(optional ? name.slice(0, -1) : name, { shape, optional });
  }
  return (v, path) => {
    map(v, path);
    const at = (name) => (path ? `${path}.${name}` : name);
    for (const name of Object.keys(v)) if (!known.has(name)) refuse(at(name), 'unknown parameter');
    for (const [name, { shape, optional }] of known) {
      if (name in v) shape(v[name], at(name));
      else if (!optional) refuse(at(name), 'missing required parameter');
    }
  };
};

// tagged takes the shape by a member's value.
export const tagged = (name, shapes, otherwise) => (v, path) => {
  map(v, path);
  const shape = shapes[v[name]] ?? (v[name] === undefined ? otherwise : undefined);
  if (!shape) refuse(`${path}.${name}`, `${JSON.stringify(v[name])} is none of ${Object.keys(shapes).join(', ')}`);
  shape(v, path);
};

// either takes text or what the shape takes.
export const textOr = (shape) => (v, path) => typeof v === 'string' || shape(v, path);

// closed is OpenAI's rule for a schema that an answer is strictly held to.
export const closed = (v, path, root = true) => {
  map(v, path);
  for (const name of ['allOf', 'oneOf', 'not', 'if', 'patternProperties']) if (name in v) refuse(path, `${name} is not permitted in a strict schema`);
  if (root && v.type !== 'object') refuse(path, 'the root of a strict schema must be an object');
  if (v.type === 'object' || v.properties) {
    if (v.additionalProperties !== false) refuse(path, 'additionalProperties is required to be supplied and to be false');
    const names = Object.keys(v.properties ?? {});
    const missing = names.filter((n) => !v.required?.includes(n));
    if (missing.length) refuse(path, `required must include every property, missing ${missing}`);
    for (const n of names) closed(v.properties[n], `${path}.properties.${n}`, false);
  }
  if (v.items) closed(v.items, `${path}.items`, false);
  for (const [i, s] of (v.anyOf ?? []).entries()) closed(s, `${path}.anyOf[${i}]`, false);
};

export const base64 = like(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
