// odd is the result of a tool that a decoder and an encoder would not give back: members
// that no version of the protocol knows, in an odd order, a content type of the future,
// numbers that no float holds, escapes that need none, spaces.
export const odd = (era) => String.raw`{ "zeta":1,"content":[{"text":"caf\u00e9 \/ \u2028 \ud83d\ude00 \ud800","type":"text","priority":1.0e2},` +
  String.raw`{"type":"hologram","beams":[12345678901234567890,-0,1E400,0.10],"_meta":{"b":1,"a":2}}],` +
  String.raw`"alpha":{"resultType":"x","id":7,"result":{"jsonrpc":"2.0"}},"structuredContent":{"n":9007199254740993}, "_meta":{"x.example/y":null},"isError":false` +
  (era === 'modern' ? ',"resultType":"complete","x":[ ]}' : ',"x":[ ]}');
