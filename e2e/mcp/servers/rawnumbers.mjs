// Puts bytes into JSON that JSON.stringify would not write, such as integers of twenty
// digits: asBytes marks them in a value, rawTransform writes them.
import { Transform } from 'node:stream';

export const asBytes = (raw) => `@raw:${raw}`;

// rawTransform is a stream in which each chunk holds whole messages, as servers write them.
export const rawTransform = () => new Transform({
  transform(chunk, _encoding, done) {
    done(null, chunk.toString().replaceAll(/"@raw:([^"]*)"/g, '$1'));
  },
});
