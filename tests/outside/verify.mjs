// Checks every test vector, written from protocol.md and the specifications it names, without a
// line of this project's code: node verify.mjs FOLDER, where FOLDER has valid/ and invalid/.

import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const M = Number.MAX_SAFE_INTEGER;
const EMPTY = Buffer.alloc(0);

class Refusal extends Error {
  constructor(code, why) {
    super(`${code}: ${why}`);
    this.code = code;
  }
}

function refuse(code, why) {
  throw new Refusal(code, why);
}

function require(condition, code, why) {
  if (!condition) refuse(code, why);
}

const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const context = (name) => Buffer.from(`tallystick/${name}/v1\0`, 'ascii');
const hex = (text) => Buffer.from(text, 'hex');
const same = (one, other) => Buffer.compare(one, other) === 0;

// --- Encoding -----------------------------------------------------------------------------------

const DEPTH_MAX = 3;

function decodeMsgpack(data) {
  let at = 0;
  const take = (count) => {
    require(at + count <= data.length, 'malformed', 'cut short');
    at += count;
    return data.subarray(at - count, at);
  };
  const uint = (count) => take(count).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  const number = (value) => {
    require(value >= -BigInt(M) && value <= BigInt(M), 'malformed', 'an integer out of bounds');
    return Number(value);
  };
  const array = (count, depth) => {
    require(depth <= DEPTH_MAX, 'malformed', 'arrays nest too deep');
    return Array.from({ length: count }, () => value(depth));
  };
  const value = (depth) => {
    const tag = Number(uint(1));
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 256;
    if (tag >= 0x90 && tag < 0xa0) return array(tag - 0x90, depth + 1);
    if (tag >= 0xa0 && tag < 0xc0) return take(tag - 0xa0).toString('latin1');
    switch (tag) {
      case 0xc4: return take(Number(uint(1)));
      case 0xc5: return take(Number(uint(2)));
      case 0xc6: return take(Number(uint(4)));
      case 0xcc: return number(uint(1));
      case 0xcd: return number(uint(2));
      case 0xce: return number(uint(4));
      case 0xcf: return number(uint(8));
      case 0xd0: return number(BigInt.asIntN(8, uint(1)));
      case 0xd1: return number(BigInt.asIntN(16, uint(2)));
      case 0xd2: return number(BigInt.asIntN(32, uint(4)));
      case 0xd3: return number(BigInt.asIntN(64, uint(8)));
      case 0xd9: return take(Number(uint(1))).toString('latin1');
      case 0xdc: return array(Number(uint(2)), depth + 1);
      default: return refuse('malformed', `the type ${tag} does not exist`);
    }
  };
  const decoded = value(0);
  require(at === data.length, 'malformed', 'bytes follow');
  require(Array.isArray(decoded), 'malformed', 'not an array');
  return decoded;
}

function bigEndian(number, bytes) {
  const out = Buffer.alloc(bytes);
  let rest = BigInt.asUintN(8 * bytes, BigInt(number));
  for (let place = bytes - 1; place >= 0; place -= 1, rest >>= 8n) out[place] = Number(rest & 255n);
  return out;
}

const tagged = (tag, number, bytes) => Buffer.concat([Buffer.from([tag]), bigEndian(number, bytes)]);

function encodeInteger(value) {
  if (value >= 0) {
    if (value < 0x80) return Buffer.from([value]);
    if (value < 2 ** 8) return tagged(0xcc, value, 1);
    if (value < 2 ** 16) return tagged(0xcd, value, 2);
    if (value < 2 ** 32) return tagged(0xce, value, 4);
    return tagged(0xcf, value, 8);
  }
  if (value >= -32) return Buffer.from([value + 256]);
  if (value >= -(2 ** 7)) return tagged(0xd0, value, 1);
  if (value >= -(2 ** 15)) return tagged(0xd1, value, 2);
  if (value >= -(2 ** 31)) return tagged(0xd2, value, 4);
  return tagged(0xd3, value, 8);
}

function encode(value) {
  if (typeof value === 'number') return encodeInteger(value);
  if (typeof value === 'string') {
    const text = Buffer.from(value, 'latin1');
    const head = text.length < 32 ? Buffer.from([0xa0 + text.length]) : tagged(0xd9, text.length, 1);
    return Buffer.concat([head, text]);
  }
  if (Buffer.isBuffer(value)) {
    const [tag, size] = value.length < 256 ? [0xc4, 1] : value.length < 65536 ? [0xc5, 2] : [0xc6, 4];
    const head = tagged(tag, value.length, size);
    return Buffer.concat([head, value]);
  }
  const head = value.length < 16 ? Buffer.from([0x90 + value.length]) : tagged(0xdc, value.length, 2);
  return Buffer.concat([head, ...value.map(encode)]);
}

/** Steps 1 to 3 of "Encoding". */
function unpack(data, bytesMax) {
  require(data.length <= bytesMax, 'malformed', `more than ${bytesMax} bytes`);
  const value = decodeMsgpack(data);
  require(same(encode(value), data), 'malformed', 'not the canonical form');
  return value;
}

// A shape takes a value and refuses one that has it not.

const int = (low, high = M) => (value) =>
  require(typeof value === 'number' && value >= low && value <= high, 'malformed', 'an integer');
const bytes = (low, high = low) => (value) =>
  require(
    Buffer.isBuffer(value) && value.length >= low && value.length <= high, 'malformed', 'bytes',
  );
const ascii = (low, high) => (value) => {
  require(typeof value === 'string' && /^[\x20-\x7e]*$/.test(value), 'malformed', 'a string');
  require(value.length >= low && value.length <= high, 'malformed', 'the length of a string');
};
const oneOf = (...words) => (value) => require(words.includes(value), 'malformed', 'a word');
const list = (shape, low, high) => (value) => {
  require(Array.isArray(value), 'malformed', 'an array');
  require(value.length >= low && value.length <= high, 'malformed', 'the length of an array');
  value.forEach(shape);
};
const optional = (shape) => list(shape, 0, 1);
const record = (...parts) => {
  const shapes = parts.flatMap(Object.values);
  return (value) => {
    list(() => {}, shapes.length, shapes.length)(value);
    shapes.forEach((shape, place) => shape(value[place]));
  };
};

function decode(data, shape, bytesMax) {
  const value = unpack(data, bytesMax);
  shape(value);
  return value;
}

// --- Ed25519 ------------------------------------------------------------------------------------

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const modulo = (number) => ((number % P) + P) % P;

function power(base, exponent) {
  let result = 1n;
  for (let square = modulo(base), rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

const D = modulo(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_1 = power(2n, (P - 1n) / 4n);
const littleEndian = (data) =>
  [...data].reduceRight((sum, byte) => (sum << 8n) + BigInt(byte), 0n);

/** The point in projective coordinates, or null for what is no canonical encoding of one. */
function decompress(data) {
  const number = littleEndian(data);
  const sign = number >> 255n;
  const y = number & (2n ** 255n - 1n);
  if (y >= P) return null;
  const u = modulo(y * y - 1n);
  const v = modulo(D * y * y + 1n);
  let x = modulo(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  if (modulo(v * x * x) !== u) x = modulo(x * ROOT_OF_MINUS_1);
  if (modulo(v * x * x) !== u || (x === 0n && sign)) return null;
  if ((x & 1n) !== sign) x = P - x;
  return [x, y, 1n];
}

function add([x1, y1, z1], [x2, y2, z2]) {
  const [a, c, d] = [modulo(z1 * z2), modulo(x1 * x2), modulo(y1 * y2)];
  const b = modulo(a * a);
  const e = modulo(D * c * d);
  const [f, g] = [modulo(b - e), modulo(b + e)];
  const x = modulo(a * f * ((x1 + y1) * (x2 + y2) - c - d));
  return [x, modulo(a * g * (d + c)), modulo(f * g)];
}

function times(scalar, point) {
  let sum = [0n, 1n, 1n];
  for (let double = point, rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) sum = add(sum, double);
    double = add(double, double);
  }
  return sum;
}

const isNeutral = ([x, y, z]) => x === 0n && y === z;

function checkPoint(key) {
  const point = decompress(key);
  require(
    point && !isNeutral(point) && isNeutral(times(L, point)), 'malformed', 'a key of no use',
  );
}

const known = new Map();

function isOfSmallOrder(data) {
  const name = data.toString('hex');
  if (!known.has(name)) {
    const point = decompress(data);
    known.set(name, point === null || isNeutral(times(8n, point)));
  }
  return known.get(name);
}

function isSignature(key, message, signature) {
  if (key.length !== 32 || signature.length !== 64) return false;
  if (littleEndian(signature.subarray(32)) >= L) return false;
  if (isOfSmallOrder(key) || isOfSmallOrder(signature.subarray(0, 32))) return false;
  const der = Buffer.concat([hex('302a300506032b6570032100'), key]);
  const opened = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return verify(null, message, opened, signature);
}

function checkSignature(name, body, signature, key) {
  const good = isSignature(key, Buffer.concat([context(name), body]), signature);
  require(good, 'signature-invalid', name);
}

function signWith(seed, message) {
  const der = Buffer.concat([hex('302e020100300506032b657004220420'), seed]);
  return sign(null, message, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

// --- Circle and charter -------------------------------------------------------------------------

const KEY = bytes(32);
const HASH = bytes(32);
const SIGNATURE = bytes(64);
const FLAG = int(0, 1);

const RULES = record({
  name: bytes(1, 200),
  address: ascii(1, 210),
  unit_name: bytes(1, 40),
  unit_plural: bytes(1, 40),
  unit_kind: oneOf('decimal', 'minutes'),
  unit_scale: int(0, 9),
  threshold: int(1, 16),
  credit_limit_max: int(0),
  credit_total_max: int(0),
  treasury_floor: int(-M, 0),
  community_floor: int(-M, 0),
  floor: int(-M, 0),
  ceiling: int(0),
  starter: int(0),
  assisted_cap: int(0),
  device_cap: int(0),
  device_wait: int(0, 7776000000),
});
const CERTIFICATE = record({
  circle: HASH, epoch: int(1), origin: ascii(1, 255), log: KEY, witness: KEY, link: KEY,
  decision: KEY, terms: HASH,
});
const PREVIOUS = record({ origin: ascii(1, 255), size: int(1), root: HASH, state: HASH });
const CHARTER = record({
  identity: KEY, certificate: bytes(1, 1024), signature: SIGNATURE, rules: bytes(1, 1024),
  paper: KEY, previous: optional(PREVIOUS),
});

const UNPRINTABLE = new RegExp(
  '[\\0-\\x1f\\x7f-\\xa0\\xad\\u061c\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000' +
  '\\ud800-\\uf8ff\\ufdd0-\\ufdef\\ufeff\\ufff0-\\ufffb\\ufffe\\uffff\\u{13430}-\\u{1343f}' +
  '\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e00ff}\\u{f0000}-\\u{10ffff}]',
  'u',
);
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const ADDRESS = new RegExp(`^${LABEL}(?:\\.${LABEL})*(?::([1-9][0-9]{0,4}))?$`);

function utf8(data) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return refuse('malformed', 'a text that is not UTF-8');
  }
}

function checkName(data) {
  require(!UNPRINTABLE.test(utf8(data)), 'malformed', 'a name');
}

function readRules(data) {
  const rules = decode(data, RULES, 1024);
  const [name, address, unit, plural, kind, scale, , limit, , , , floor, ceiling, starter] = rules;
  [name, unit, plural].forEach(checkName);
  const host = ADDRESS.exec(address);
  require(host && Number(host[1] ?? 0) <= 65535, 'malformed', 'an address');
  require(kind !== 'minutes' || scale === 0, 'malformed', 'minutes with decimals');
  require(-floor <= limit, 'malformed', 'floor');
  require(starter <= ceiling, 'malformed', 'starter');
  return rules;
}

function readCharter(data) {
  const charter = decode(data, CHARTER, 4096);
  const [identity, encoded, signature, rules, paper, previous] = charter;
  const certificate = decode(encoded, CERTIFICATE, 1024);
  checkSignature('certificate', encoded, signature, identity);
  const [circle, epoch, origin, log, witness, link, decision, terms] = certificate;
  require(same(circle, sha256(context('circle'), identity)), 'malformed', 'the circle');
  const keys = [identity, paper, log, witness, link, decision].map((key) => key.toString('hex'));
  require(new Set(keys).size === 6, 'malformed', 'a key in two roles');
  checkPoint(paper);
  const committed = sha256(context('terms'), encode([rules, paper, previous]));
  require(same(terms, committed), 'malformed', 'the terms');
  const address = readRules(rules)[1];
  const expected = `${address}/tallystick/${circle.toString('hex').slice(0, 16)}/${epoch}`;
  require(origin === expected, 'malformed', 'the origin');
  require((previous.length === 1) === epoch > 1, 'malformed', 'the epoch before');
  return { charter, certificate };
}

// --- Declarations -------------------------------------------------------------------------------

const DECLARATION = record({ body: bytes(1, 512), signature: SIGNATURE });
const DECLARATIONS = {
  enrolment: {
    shape: record({ circle: HASH, device: KEY, created: int(0), label: ascii(0, 64) }), device: 1,
  },
  request: {
    shape: record({
      circle: HASH, account: int(1), person: int(1), device: KEY, amount: int(1), nonce: int(0),
      expires: int(0), text: optional(HASH),
    }),
    device: 3,
  },
  session: {
    shape: record({
      circle: HASH, device: KEY, origin: ascii(1, 255), nonce: int(0), expires: int(0),
    }),
    device: 1,
  },
};

function parseDeclaration(name, wire) {
  const [body, signature] = decode(wire, DECLARATION, 1024);
  const fields = decode(body, DECLARATIONS[name].shape, 512);
  const device = fields[DECLARATIONS[name].device];
  if (name === 'enrolment') checkPoint(device);
  return { body, signature, fields, device };
}

function openDeclaration(name, wire) {
  const { body, signature, fields, device } = parseDeclaration(name, wire);
  checkSignature(name, body, signature, device);
  return { body, signature, fields };
}

// --- Orders -------------------------------------------------------------------------------------

const AMOUNT = int(1);
const NUMBER = int(1);
const LEGS = list(record({ account: NUMBER, amount: AMOUNT }), 1, 1000);
const REFERENCE = ascii(1, 64);
const EVIDENCE = optional(bytes(1, 4096));
const OFFICE = oneOf('coordinator', 'auditor');
const SCOPE = ['pay', 'hold', 'settle', 'release', 'claim', 'object', 'assign'];

const KINDS = {
  pay: { legs: LEGS, happened_on: optional(int(0, 2932896)), request: optional(HASH) },
  sell: { amount: AMOUNT, reference: REFERENCE },
  redeem: { amount: AMOUNT, reference: REFERENCE },
  levy: { legs: LEGS },
  payout: { legs: LEGS },
  reverse: { entry: int(0) },
  hold: {
    payee: optional(NUMBER), amount: AMOUNT, until: int(0), claim_window: optional(int(0)),
    coordinator: FLAG, evidence: optional(HASH),
  },
  settle: { hold: int(0), payee: NUMBER, amount: AMOUNT, evidence: EVIDENCE },
  release: { hold: int(0), evidence: EVIDENCE },
  claim: { hold: int(0), amount: AMOUNT },
  object: { hold: int(0) },
  assign: { hold: int(0), payee: optional(NUMBER), claim_window: optional(int(0)) },
  defer: { hold: int(0) },
  invite: {
    key: KEY, floor: int(-M, 0), ceiling: int(0), starter: int(0),
    office: oneOf('', 'coordinator', 'auditor'), until: int(0),
  },
  uninvite: { key: KEY },
  join: { invitation: KEY, signature: SIGNATURE },
  open: {
    holder: optional(NUMBER), floor: int(-M, 0), ceiling: int(0), starter: int(0),
    deviceless: FLAG, enrolment: optional(bytes(1, 512)),
  },
  close: {},
  limits: { floor: int(-M, 0), ceiling: int(0) },
  holder: { person: NUMBER, holds: FLAG },
  assist: { deviceless: FLAG },
  enrol: {
    person: NUMBER, enrolment: bytes(1, 512), role: oneOf('device', 'recovery'), present: FLAG,
  },
  revoke: { device: KEY },
  freeze: { device: KEY },
  thaw: { device: KEY },
  veto: { device: KEY },
  mandate: {
    person: NUMBER, scope: list(oneOf(...SCOPE), 1, SCOPE.length), cap: int(0), window: int(1), until: int(0),
  },
  unmandate: { mandate: int(0) },
  appoint: { person: NUMBER, office: OFFICE },
  dismiss: { person: NUMBER, office: OFFICE },
  amend: { rules: bytes(1, 1024) },
};
const WITHOUT_ACCOUNT = [
  'reverse', 'invite', 'uninvite', 'join', 'open', 'enrol', 'revoke', 'freeze', 'thaw', 'veto',
  'unmandate', 'appoint', 'dismiss', 'amend',
];
const SLIP = record({ channel: ascii(1, 32), number: ascii(1, 32) });
const WIRE = record({
  body: bytes(1, 32768),
  signature: SIGNATURE,
  cosignatures: list(record({ key: KEY, signature: SIGNATURE }), 0, 16),
});

const none = list(() => {}, 0, 0);
const header = (kind) => ({
  circle: HASH,
  kind: ascii(1, 16),
  account: WITHOUT_ACCOUNT.includes(kind) ? int(0, 0) : int(1),
  person: kind === 'join' ? int(0, 0) : int(1),
  device: KEY,
  nonce: int(0),
  expires: int(0),
  text: optional(HASH),
  slip: SCOPE.includes(kind) ? optional(SLIP) : none,
  mandate: SCOPE.includes(kind) ? optional(int(0)) : none,
});
const HEADER_FIELDS = Object.keys(header('pay'));

/** The enrolments in an order's act, encoded. */
const enrolmentsIn = (kind, act) =>
  kind === 'enrol' ? [act[1]] : kind === 'open' ? act[5] : [];

function parseBody(body) {
  const fields = unpack(body, 32768);
  const kind = fields[1];
  require(typeof kind === 'string' && Object.hasOwn(KINDS, kind), 'malformed', 'an unknown kind');
  record(header(kind), KINDS[kind])(fields);
  const act = fields.slice(HEADER_FIELDS.length);
  for (const enrolment of enrolmentsIn(kind, act)) parseDeclaration('enrolment', enrolment);
  if (kind === 'amend') readRules(act[0]);
  if (kind === 'invite') checkPoint(act[0]);
  if (kind === 'join') checkPoint(fields[4]);
  return { kind, fields, act };
}

function openOrder(wire) {
  const [body, signature, cosignatures] = decode(wire, WIRE, 32768);
  cosignatures.slice(1).forEach(([key], place) => {
    require(Buffer.compare(cosignatures[place][0], key) < 0, 'malformed', 'cosignatures');
  });
  const { kind, fields, act } = parseBody(body);
  checkSignature('order', body, signature, fields[4]);
  for (const [key, made] of cosignatures) checkSignature('order', body, made, key);
  for (const enrolment of enrolmentsIn(kind, act)) openDeclaration('enrolment', enrolment);
  if (kind === 'join') checkSignature('invitation', encode([fields[0], fields[4]]), act[1], act[0]);
  const id = sha256(context('order'), body);
  return { kind, fields, act, body, signature, cosignatures, id };
}

// --- Entries ------------------------------------------------------------------------------------

const LEAF = record({
  version: int(1, 1), kind: ascii(1, 16), log_time: int(0), public: bytes(0, 4096),
  order: optional(HASH), postings: optional(HASH), personal: optional(HASH),
});
const ENTRY_KINDS = ['charter', 'state', ...Object.keys(KINDS).filter((kind) => kind !== 'join')];
const POSTING = record({
  account: int(1), seq: int(1), delta: int(-M), balance: int(-M), held: int(0), previous: HASH,
});

function readLeaf(data) {
  const leaf = decode(data, LEAF, 8192);
  require(ENTRY_KINDS.includes(leaf[1]), 'malformed', 'an unknown kind of entry');
  return leaf;
}

const readPosting = (data) => decode(data, POSTING, 256);
const textCommitment = (salt, text) => sha256(context('text'), salt, text);
const saltOf = (secret, position) => sha256(context('salt'), secret, bigEndian(position, 4));
const orderCommitment = (salt, authority, wire) =>
  sha256(context('opening'), salt, Buffer.from(`${authority}\0`, 'ascii'), wire);
const postingHash = (salt, posting) =>
  sha256(Buffer.of(0), context('posting'), salt, posting);

function openPosting(posting, salt, position, count, path, root) {
  require(salt.length === 32, 'proof-invalid', 'a salt has 32 bytes');
  verifyInclusion(position, count, postingHash(salt, posting), path, root);
  return readPosting(posting);
}

// --- RFC 6962 -----------------------------------------------------------------------------------

const SIZE_MAX = 2n ** 63n - 1n;
const leafHash = (leaf) => sha256(Buffer.of(0), leaf);
const nodeHash = (left, right) => sha256(Buffer.of(1), left, right);
const EMPTY_ROOT = sha256(EMPTY);

function rootOf(hashes) {
  if (hashes.length === 0) return EMPTY_ROOT;
  if (hashes.length === 1) return hashes[0];
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  return nodeHash(rootOf(hashes.slice(0, split)), rootOf(hashes.slice(split)));
}

const unproven = (condition, why) => require(condition, 'proof-invalid', why);

function checkHashes(...hashes) {
  for (const hash of hashes) unproven(hash.length === 32, 'a hash has 32 bytes');
}

/** RFC 9162 section 2.1.3.2, which says the same of the same trees. */
function verifyInclusion(index, size, leaf, proof, root) {
  const [place, count] = [BigInt(index), BigInt(size)];
  unproven(place >= 0n && place < count && count <= SIZE_MAX, 'index and size');
  checkHashes(leaf, root, ...proof);
  let [fn, sn, found] = [place, count - 1n, leaf];
  for (const hash of proof) {
    unproven(sn !== 0n, 'a proof too long');
    if (fn & 1n || fn === sn) {
      found = nodeHash(hash, found);
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      found = nodeHash(found, hash);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  unproven(sn === 0n, 'a proof too short');
  unproven(same(found, root), 'another root');
}

/** RFC 9162 section 2.1.4.2. */
function verifyConsistency(size1, size2, proof, root1, root2) {
  const [first, second] = [BigInt(size1), BigInt(size2)];
  unproven(first >= 0n && first <= second && second <= SIZE_MAX, 'sizes');
  checkHashes(root1, root2, ...proof);
  for (const [size, root] of [[first, root1], [second, root2]]) {
    unproven(size !== 0n || same(root, EMPTY_ROOT), 'the empty tree has one root');
  }
  if (first === 0n || first === second) {
    unproven(proof.length === 0, 'a proof of nothing is empty');
    unproven(first !== second || same(root1, root2), 'equal sizes, other roots');
    return;
  }
  unproven(proof.length > 0, 'an empty proof');
  const path = (first & (first - 1n)) === 0n ? [root1, ...proof] : proof;
  let [fn, sn] = [first - 1n, second - 1n];
  while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  let [fr, sr] = [path[0], path[0]];
  for (const hash of path.slice(1)) {
    unproven(sn !== 0n, 'a proof too long');
    if (fn & 1n || fn === sn) {
      [fr, sr] = [nodeHash(hash, fr), nodeHash(hash, sr)];
      while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      sr = nodeHash(sr, hash);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  unproven(sn === 0n && same(fr, root1) && same(sr, root2), 'other roots');
}

// --- C2SP: signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-proof ----------------

const ill = (condition, why) => require(condition, 'note-invalid', why);

function base64(text) {
  const data = Buffer.from(text, 'base64');
  ill(data.toString('base64') === text, 'base64');
  return data;
}

function decimal(text, most = SIZE_MAX) {
  ill(/^(0|[1-9][0-9]{0,18})$/.test(text) && BigInt(text) <= most, 'a decimal');
  return BigInt(text);
}

/** The text of a note: UTF-8, without ASCII controls but newlines. */
function plainText(data, bytesMax) {
  ill(data.length <= bytesMax, 'too long');
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    refuse('note-invalid', 'not UTF-8');
  }
  ill(!/[\x00-\x09\x0b-\x1f]/.test(text), 'a control character');
  return text;
}

const isKeyName = (name) =>
  name !== '' && !/[\p{White_Space}+]/u.test(name) && Buffer.byteLength(name) <= 255;
const keyId = (name, key) => sha256(Buffer.from(`${name}\n`), key).subarray(0, 4);

function parseVkey(text) {
  const [name, id, ...rest] = text.split('+');
  ill(rest.length > 0 && isKeyName(plainText(Buffer.from(name), 255)), 'a vkey');
  const key = base64(rest.join('+'));
  ill(key.length === 33 && [1, 4].includes(key[0]), 'a type and 32 bytes');
  ill(id === keyId(name, key).toString('hex'), 'the key id');
  return { text, name, id, type: key[0], key: key.subarray(1) };
}

function parseNote(data) {
  const note = plainText(data, 1000000);
  const split = note.lastIndexOf('\n\n');
  ill(split >= 0 && note.endsWith('\n'), 'a note');
  const lines = note.slice(split + 2, -1).split('\n');
  ill(lines.length <= 100, 'signature lines');
  const signatures = lines.map((line) => {
    const [dash, name, value, ...more] = line.split(' ');
    ill(dash === '\u2014' && more.length === 0 && value !== undefined, 'a signature line');
    ill(isKeyName(name), 'a key name');
    const decoded = base64(value);
    ill(decoded.length > 4, 'a signature');
    return { name, id: decoded.subarray(0, 4).toString('hex'), value: decoded.subarray(4) };
  });
  return { text: note.slice(0, split + 1), signatures };
}

function openNote(data, vkeys) {
  ill(vkeys.every(({ type }) => type === 1), 'a key of another type');
  const note = parseNote(data);
  const signed = new Set();
  for (const { name, id, value } of note.signatures) {
    const key = vkeys.find((one) => one.type === 1 && one.name === name && one.id === id);
    if (!key) continue;
    ill(isSignature(key.key, Buffer.from(note.text), value), 'a signature of a known key');
    signed.add(key.text);
  }
  ill(signed.size > 0, 'no signature of a known key');
  return { text: note.text, signed: [...signed] };
}

function parseCheckpoint(text) {
  const lines = plainText(Buffer.from(text), 1000000).split('\n');
  ill(lines.pop() === '' && lines.length >= 3 && !lines.includes(''), 'a checkpoint');
  const [origin, size, root, ...extensions] = lines;
  ill(Buffer.byteLength(origin) <= 255, 'an origin');
  const hash = base64(root);
  ill(hash.length === 32, 'a root');
  return { origin, size: decimal(size), root: hash, extensions };
}

/** Of each public key the newest cosignature. */
function cosigned(data, vkeys) {
  ill(vkeys.every(({ type }) => type === 4), 'a key of another type');
  const note = parseNote(data);
  parseCheckpoint(note.text);
  const newest = new Map();
  for (const { name, id, value } of note.signatures) {
    const key = vkeys.find((one) => one.type === 4 && one.name === name && one.id === id);
    if (!key) continue;
    ill(value.length === 72, 'a cosignature');
    const time = value.readBigUInt64BE(0);
    ill(time <= SIZE_MAX, 'a time');
    const message = Buffer.from(`cosignature/v1\ntime ${time}\n${note.text}`);
    ill(isSignature(key.key, message, value.subarray(8)), 'a cosignature');
    const public_key = key.key.toString('hex');
    const seen = newest.get(public_key);
    if (!seen || seen.time < time) newest.set(public_key, { vkey: key.text, time });
  }
  return [...newest.values()].map(({ vkey, time }) => ({ vkey, timestamp: `${time}` }));
}

function parseReceipt(data) {
  const text = plainText(data, 2000000);
  const split = text.indexOf('\n\n');
  ill(split > 0, 'no empty line');
  const [first, ...lines] = text.slice(0, split).split('\n');
  ill(first === 'c2sp.org/tlog-proof@v1', 'the first line');
  let extra = null;
  if (lines.length > 0 && lines[0].startsWith('extra ')) {
    extra = base64(lines.shift().slice(6));
    ill(extra.length > 0, 'an empty extra line');
  }
  const index = lines.shift() ?? '';
  ill(index.startsWith('index '), 'the index line');
  ill(lines.length <= 64, 'proof lines');
  const proof = lines.map(base64);
  for (const hash of proof) ill(hash.length === 32, 'a proof line');
  const note = Buffer.from(text.slice(split + 2));
  parseCheckpoint(parseNote(note).text);
  return { index: decimal(index.slice(6)), extra, proof, note };
}

function verifyReceipt(data, leaf, origin, logKey, witnesses, quorum) {
  const receipt = parseReceipt(data);
  const checkpoint = parseCheckpoint(openNote(receipt.note, [logKey]).text);
  ill(checkpoint.origin === origin, 'another origin');
  ill(cosigned(receipt.note, witnesses).length >= quorum, 'the quorum');
  verifyInclusion(receipt.index, checkpoint.size, leafHash(leaf), receipt.proof, checkpoint.root);
  return { index: receipt.index, checkpoint, extra: receipt.extra };
}

const TILE_PATH =
  /^tile\/(entries|[0-9]|[1-5][0-9]|6[0-3])\/((?:x[0-9]{3}\/)*)([0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

function parseTilePath(path) {
  const found = TILE_PATH.exec(path);
  ill(found && !path.includes('\n'), 'a tile path');
  const [, level, groups, last, width] = found;
  ill(!groups.startsWith('x000/'), 'leading zeroes');
  ill(width === undefined || Number(width) < 256, 'a width');
  const index = BigInt(groups.replaceAll(/[x/]/g, '') + last);
  ill(index <= SIZE_MAX, 'an index');
  const tile = { index: Number(index), width: width === undefined ? 256 : Number(width) };
  return level === 'entries' ? tile : { level: Number(level), ...tile };
}

function tilePath(level, index, width) {
  const groups = `${index}`.padStart(Math.ceil(`${index}`.length / 3) * 3, '0').match(/.../g);
  const name = groups.map((group, place) => (place < groups.length - 1 ? `x${group}` : group));
  return `tile/${level}/${name.join('/')}${width === 256 ? '' : `.p/${width}`}`;
}

function tilesOf(size) {
  const [full, partial] = [[], []];
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / 256)) {
    const whole = Math.floor(count / 256);
    for (let index = 0; index < whole; index += 1) full.push(tilePath(level, index, 256));
    if (count % 256) partial.push(tilePath(level, whole, count % 256));
  }
  return { full, partial };
}

/** The leaf's inclusion proof, out of the content of tiles by their paths. */
function proveByTiles(index, size, leaf, root, stated) {
  const tiles = new Map();
  for (const { path, content } of stated) {
    const { level, index: place, width } = parseTilePath(path);
    ill(content.length === 64 * width, 'the width of a tile');
    tiles.set(`${level}/${place}/${width}`, hex(content));
  }
  const node = (level, place) => {
    const height = level % 8;
    const [row, start] = [(level - height) / 8, place * 2 ** height];
    const tile = Math.floor(start / 256);
    const width = Math.min(256, Math.floor(size / 256 ** row) - tile * 256);
    const content = tiles.get(`${row}/${tile}/${width}`);
    unproven(content !== undefined, 'a tile is missing');
    const from = (start - tile * 256) * 32;
    const piece = content.subarray(from, from + 32 * 2 ** height);
    return rootOf(Array.from({ length: piece.length / 32 }, (_, at) => piece.subarray(32 * at, 32 * at + 32)));
  };
  const rootFrom = (start, count) => {
    const level = Math.log2(count);
    if (Number.isInteger(level)) return node(level, start / count);
    const split = 2 ** Math.floor(level);
    return nodeHash(rootFrom(start, split), rootFrom(start + split, count - split));
  };
  const path = (start, count) => {
    if (count === 1) return [];
    const split = 2 ** Math.floor(Math.log2(count - 1));
    return index < start + split
      ? [...path(start, split), rootFrom(start + split, count - split)]
      : [...path(start + split, count - split), rootFrom(start, split)];
  };
  verifyInclusion(index, size, leaf, path(0, size), root);
}

function parseBundle(data, width) {
  const entries = [];
  let at = 0;
  while (entries.length < width) {
    ill(at + 2 <= data.length, 'a length');
    const end = at + 2 + data.readUInt16BE(at);
    ill(end <= data.length, 'an entry');
    entries.push(data.subarray(at + 2, end));
    at = end;
  }
  ill(at === data.length, 'more than the width says');
  return entries;
}

// --- The vectors --------------------------------------------------------------------------------

/** As the vectors have it: bytes as hex, arrays as lists. */
const render = (value) =>
  Buffer.isBuffer(value) ? value.toString('hex') : Array.isArray(value) ? value.map(render) : value;

function equal(found, stated, what) {
  const [one, other] = [JSON.stringify(found), JSON.stringify(stated)];
  if (one !== other) throw new Error(`${what} is ${one}, and should be ${other}`);
}

/** An array whose fields a vector names, as the list that it is. */
const unnamed = (value) => {
  if (Array.isArray(value)) return value.map(unnamed);
  return value instanceof Object ? Object.values(value).map(unnamed) : value;
};

const hashes = (list) => list.map(hex);
const textOf = (value, named) => (value === undefined ? hex(named) : Buffer.from(value));

function checkOrder(one) {
  const order = openOrder(hex(one.wire));
  const stated = [...unnamed(one.header), ...unnamed(one.act)];
  equal(render(order.fields), stated, 'the fields');
  equal(Object.keys(one.header), HEADER_FIELDS, 'the names in the header');
  equal(Object.keys(one.act), Object.keys(KINDS[order.kind]), 'the names in the act');
  equal(render(order.body), one.body, 'the body');
  equal(render(order.cosignatures), one.cosignatures, 'the cosignatures');
  equal(render(order.id), one.id, 'the id');
  const message = Buffer.concat([context('order'), order.body]);
  equal(render(signWith(hex(one.device_seed), message)), one.signature, 'the signature');
}

function checkDeclaration(one) {
  if (one.object === 'invitation') {
    const body = encode([hex(one.circle), hex(one.device)]);
    checkSignature('invitation', body, hex(one.signature), hex(one.invitation));
    if (one.body) equal(render(body), one.body, 'the body');
    return;
  }
  const { body, signature, fields } = openDeclaration(one.object, hex(one.wire));
  if (!one.fields) return;
  equal(render(fields), unnamed(one.fields), 'the fields');
  equal(render(sha256(context(one.object), body)), one.id, 'the id');
  const message = Buffer.concat([context(one.object), body]);
  equal(render(signWith(hex(one.device_seed), message)), render(signature), 'the signature');
}

function checkCharter(one) {
  const { charter, certificate } = readCharter(hex(one.encoded));
  equal(render(charter), unnamed(one.charter), 'the charter');
  equal(render(certificate), unnamed(one.certificate), 'the certificate');
  equal(render(decode(charter[3], RULES, 1024)), one.rules, 'the rules');
}

function checkCommitment(one) {
  const found = {
    circle_id: () => sha256(context('circle'), hex(one.identity)),
    order_id: () => sha256(context('order'), hex(one.body)),
    text_commitment: () => textCommitment(hex(one.salt), Buffer.from(one.text)),
    derive_salt: () => saltOf(hex(one.secret), one.position),
    order_commitment: () => orderCommitment(hex(one.salt), one.authority, hex(one.wire)),
  }[one.function]();
  equal(render(found), one.hash, one.function);
}

function checkOpening(one) {
  const place = [one.position, one.count, hashes(one.path), hex(one.root)];
  openPosting(hex(one.posting), hex(one.salt), ...place);
}

/** One circle's log as it grows, each entry held against its leaf. */
class History {
  constructor() {
    this.leaves = [];
    this.newest = new Map();
  }

  /** An entry: `postings` have `encoded`, `salt`, `hash` and `path` as hex. */
  check(kind, leafData, secret, authority, order, wire, postings) {
    const leaf = readLeaf(leafData);
    equal(leaf[1], kind, 'the kind');
    equal(kind, order ? (order.kind === 'join' ? 'open' : order.kind) : kind, 'the kind ordered');
    const commitment = order ? [orderCommitment(saltOf(secret, 0), authority, wire)] : [];
    equal(render(leaf[4]), render(commitment), 'the order commitment');
    equal(render(leaf[6]), order ? render(order.fields[7]) : [], 'the personal commitment');
    if (kind === 'charter') readCharter(leaf[3]);
    if (kind === 'amend') equal(render(leaf[3]), render(order.act[0]), 'the rules');
    if (kind === 'state') this.checkState(leaf[3]);
    const found = postings.map((posting, place) => this.checkPosting(posting, secret, place));
    equal(render(leaf[5]), found.length ? [render(rootOf(found))] : [], 'the root of postings');
    found.forEach((hash, place) => {
      if (!postings[place].path) return;
      const path = hashes(postings[place].path);
      verifyInclusion(place, found.length, hash, path, leaf[5][0]);
    });
    this.leaves.push(leafHash(leafData));
  }

  checkPosting(posting, secret, place) {
    const encoded = hex(posting.encoded ?? posting.bytes);
    const [account, seq, delta, balance, held, previous] = readPosting(encoded);
    const last = this.newest.get(account) ?? { seq: 0, balance: 0, hash: Buffer.alloc(32) };
    equal([seq, balance, render(previous)], [last.seq + 1, last.balance + delta, render(last.hash)],
      'the chain');
    equal([account, held], [posting.account, posting.held], 'the posting');
    const salt = saltOf(secret, place + 1);
    equal(render(salt), posting.salt, 'its salt');
    const hash = postingHash(salt, encoded);
    equal(render(hash), posting.hash, 'its hash');
    this.newest.set(account, { seq, balance, hash });
    return hash;
  }

  checkState(data) {
    const accounts = [...this.newest.keys()].sort((one, other) => one - other);
    const root = rootOf(accounts.map((account) => this.newest.get(account).hash));
    equal(render(decode(data, record({ count: int(1), root: HASH }), 4096)),
      [accounts.length, render(root)], 'the state entry');
  }

  root() {
    const total = [...this.newest.values()].reduce((sum, { balance }) => sum + balance, 0);
    equal(total, 0, 'the sum of balances');
    return render(rootOf(this.leaves));
  }
}

function checkHistory(cases) {
  const history = new History();
  return cases.map((one) => () => {
    const wire = one.wire ? hex(one.wire) : EMPTY;
    const order = one.wire ? openOrder(wire) : null;
    if (one.request) {
      const id = sha256(context('request'), openDeclaration('request', hex(one.request)).body);
      equal(render(order.fields[12]), [render(id)], 'the request');
    }
    if (one.entry) {
      const { kind, leaf, secret, authority, postings } = one.entry;
      history.check(kind, hex(leaf), hex(secret), authority, order, wire, postings);
      equal(render(leafHash(hex(leaf))), one.entry.leaf_hash, 'the leaf hash');
    }
    equal([history.leaves.length, history.root()], [one.tree_size, one.root], 'the tree');
  });
}

function checkExample(example) {
  const history = new History();
  for (const entry of example.entries) {
    const wire = entry.order ? hex(entry.order.wire) : EMPTY;
    const order = entry.order ? openOrder(wire) : null;
    if (order) {
      equal(render(order.id), entry.order.id, 'the id');
      const { text, text_salt: salt } = entry.order;
      const commitment = textCommitment(hex(salt), Buffer.from(text));
      equal(render(order.fields[7]), [render(commitment)], 'the text');
    }
    const { kind, leaf, secret, authority, postings } = entry;
    history.check(kind, hex(leaf), hex(secret), authority, order, wire, postings);
    equal(history.root(), entry.root_after, 'the root');
  }
  const vkey = parseVkey(example.log_vkey);
  const { certificate } = readCharter(readLeaf(hex(example.entries[0].leaf))[3]);
  equal([vkey.name, render(vkey.key)], [certificate[2], render(certificate[3])], 'the log key');
  const tile = hex(example.level_0_tile);
  const width = tile.length / 32;
  const inTile = Array.from({ length: width }, (_, place) => tile.subarray(32 * place, 32 * place + 32));
  const checkpoint = parseCheckpoint(openNote(Buffer.from(example.checkpoint), [vkey]).text);
  equal([width, render(rootOf(inTile))], [Number(checkpoint.size), render(checkpoint.root)], 'tile');
  const bundle = parseBundle(hex(example.entry_bundle), width);
  equal(render(bundle.map(leafHash)), render(inTile), 'the bundle');
  const last = example.entries.at(-1);
  const data = Buffer.from(example.receipt);
  const receipt = verifyReceipt(data, hex(last.leaf), example.origin, vkey, [], 0);
  equal(Number(receipt.index), last.index, 'the index');
}

function checkSigned(one) {
  const padding = 'x'.repeat(one.padding ?? 0);
  const data = Buffer.concat([Buffer.from(padding), textOf(one.note, one.note_hex)]);
  const note = openNote(data, one.vkeys.map(parseVkey));
  if (one.text !== undefined) equal(note.text, padding + one.text, 'the text');
  if (one.signed_by) equal(note.signed.sort(), [...one.signed_by].sort(), 'who signed');
}

function checkKey(one) {
  const { name, id, type, key } = parseVkey(one.vkey);
  const stated = [one.name, one.key_id, one.signature_type, one.public_key];
  equal([name, id, type, render(key)], stated, 'the key');
}

function checkCheckpoint(one) {
  const { origin, size, root, extensions } = parseCheckpoint(one.text);
  const stated = [one.origin, one.size, one.root, one.extensions];
  equal([origin, Number(size), render(root), extensions], stated, 'the checkpoint');
}

function checkReceipt(one) {
  const { index, checkpoint, extra } = verifyReceipt(
    textOf(one.receipt, one.receipt_hex), hex(one.leaf), one.origin, parseVkey(one.log_vkey),
    one.witness_vkeys.map(parseVkey), one.quorum,
  );
  const found = [Number(index), Number(checkpoint.size), render(extra)];
  equal(found, [one.index, one.size, one.extra], 'the receipt');
}

// --- Between circles ----------------------------------------------------------------------------

const HOPS = (most) => list(record({ circle: HASH, amount: int(1) }), 0, most);
const PARTY = record({
  circle: HASH, origin: ascii(1, 255), link: KEY, decision: KEY, url: ascii(1, 255),
  own: int(1, 1000000), linked: int(1, 1000000), owes_max: int(0),
});
const AGREEMENT = record({
  number: int(1), unit: bytes(1, 40), hold_max: int(1), holds_max: int(1, 10000),
  low: PARTY, high: PARTY,
});
const PAYMENT = record({
  decider: HASH, decision: KEY, deadline: int(0), arrive: int(1), sealed: HASH,
});
const CONTENTS = {
  prepare: record({ header: bytes(1, 256), amount: int(1), onward: HOPS(15) }),
  commit: record({ payment: HASH, signature: SIGNATURE }),
  release: record({
    payment: HASH,
    reason: oneOf(
      'suspended', 'unheard', 'limit', 'expired', 'seen', 'value', 'route', 'sealed',
      'payee', 'given-up',
    ),
  }),
  raise: record({ owes_max: int(0) }),
  propose: record({ agreement: bytes(1, 2048), signature: SIGNATURE }),
  accept: record({ agreement: HASH, signature: SIGNATURE }),
  withdraw: record({ agreement: HASH }),
  decline: record({ agreement: HASH }),
  suspend: record({ suspended: int(0, 1) }),
  leave: record({ number: int(1) }),
};
const MESSAGE = record({
  link: HASH, sender: HASH, receiver: HASH, seq: int(1), previous: HASH,
  kind: oneOf(...Object.keys(CONTENTS)), content: bytes(1, 2600),
});
const LINK_WIRE = record({ body: bytes(1, 2600), signature: bytes(0, 64) });
const STATEMENT = record({
  link: HASH, agreement: int(1), low_seq: int(0), low_hash: HASH, high_seq: int(0),
  high_hash: HASH, tally: int(-M), low_held: int(0), high_held: int(0),
});
const STATUS = record({
  payment: HASH, verdict: oneOf('committed', 'refused', 'unknown'), log_time: int(0),
});
const EXCHANGE = record({
  part: oneOf('request', 'answer'), link: HASH, sender: HASH, receiver: HASH, nonce: bytes(16),
  at: int(0), statement: bytes(1, 512),
  messages: list(record({ wire: bytes(1, 5200), sealed: bytes(0, 2400) }), 0, 64),
});
const WAYS = list((way) => { list(() => {}, 1, 3)(way); HOPS(3)(way); }, 0, 8);
const ROUTE = record({ header: bytes(1, 256), sealed: bytes(1, 2400), ways: bytes(1, 2048) });

const SIGNED_AGREEMENT = record({ body: bytes(1, 2048), low: SIGNATURE, high: SIGNATURE });

function readAgreement(body) {
  const agreement = decode(body, AGREEMENT, 2048);
  const [, unit, holdMax, , low, high] = agreement;
  require(Buffer.compare(low[0], high[0]) < 0, 'malformed', 'the order of the circles');
  const most = BigInt(low[7]) + BigInt(high[7]) + BigInt(holdMax);
  for (const party of [low, high]) {
    checkPoint(party[2]);
    checkPoint(party[3]);
    const worth = (most * BigInt(party[5])) / BigInt(party[6]);
    require(most <= M && worth <= M, 'malformed', 'what may be owed');
  }
  checkName(unit);
  return agreement;
}

function openAgreement(wire) {
  const [body, ...signatures] = decode(wire, SIGNED_AGREEMENT, 4096);
  const agreement = readAgreement(body);
  checkSignature('agreement', body, signatures[0], agreement[4][2]);
  checkSignature('agreement', body, signatures[1], agreement[5][2]);
  return agreement;
}

function checkAgreement(one) {
  const agreement = openAgreement(hex(one.wire));
  const [body, ...signatures] = decode(hex(one.wire), SIGNED_AGREEMENT, 4096);
  const [low, high] = agreement.slice(4);
  if (!one.agreement) return;
  equal(render(agreement), unnamed(one.agreement), 'the fields');
  equal(render(sha256(context('agreement'), body)), one.id, 'the id');
  equal(render(sha256(context('link'), encode([low[0], high[0]]))), one.link, "the link's id");
  [one.low_seed, one.high_seed].forEach((seed, place) => {
    const signed = signWith(hex(seed), Buffer.concat([context('agreement'), body]));
    equal(render(signed), render(signatures[place]), 'a signature');
  });
}

/** The body of [body, signature], which the key signed for this purpose. */
function openSigned(name, wire, key, wireMax, bodyMax) {
  const shape = record({ body: bytes(1, bodyMax), signature: SIGNATURE });
  const [body, signature] = decode(wire, shape, wireMax);
  checkSignature(name, body, signature, key);
  return body;
}

function checkMessage(one) {
  const body = openSigned('message', hex(one.wire), hex(one.link_key), 5200, 2600);
  const message = decode(body, MESSAGE, 2600);
  const content = decode(message[6], CONTENTS[message[5]], 2600);
  if (!one.message) return;
  equal(render([message, content]), unnamed([one.message, one.content]), 'the fields');
  equal(render(sha256(context('message'), body)), one.hash, 'the hash');
}

/** A run: every message names the one before it, and the last alone has a signature. */
function checkRun(one) {
  const run = one.wires.map((wire) => decode(hex(wire), LINK_WIRE, 5200));
  const hashed = run.map(([body]) => sha256(context('message'), body));
  run.forEach(([body, signature], place) => {
    const message = decode(body, MESSAGE, 2600);
    decode(message[6], CONTENTS[message[5]], 2600);
    const last = place === run.length - 1;
    require(last || signature.length === 0, 'malformed', 'one before the last is signed');
    const follows = place === 0 || message[4].equals(hashed[place - 1]);
    require(follows, 'malformed', 'it does not name the message before it');
  });
  const [body, signature] = run.at(-1);
  checkSignature('message', body, signature, hex(one.link_key));
  if (one.hashes) equal(render(hashed), one.hashes, 'the hashes');
}

function checkStatement(one) {
  const body = openSigned('statement', hex(one.wire), hex(one.link_key), 512, 2600);
  const statement = decode(body, STATEMENT, 512);
  if (one.statement) equal(render(statement), unnamed(one.statement), 'the fields');
}

function checkExchange(one) {
  const body = openSigned('exchange', hex(one.wire), hex(one.link_key), 393216, 393216);
  const exchange = decode(body, EXCHANGE, 393216);
  if (one.exchange) equal(render(exchange), unnamed(one.exchange), 'the fields');
}

function checkRoute(one) {
  const [header, sealed, packed] = decode(hex(one.encoded), ROUTE, 8192);
  decode(header, PAYMENT, 256);
  const ways = decode(packed, WAYS, 2048);
  if (one.route) equal(render([header, sealed, ways]), unnamed(one.route), 'the fields');
}

function checkPayment(one) {
  if (one.object === 'status') {
    const body = openSigned('status', hex(one.wire), hex(one.decision), 512, 256);
    const status = decode(body, STATUS, 256);
    if (one.status) equal(render(status), unnamed(one.status), 'the fields');
    return;
  }
  const encoded = hex(one.encoded ?? one.header);
  const header = decode(encoded, PAYMENT, 256);
  const payment = sha256(context('payment'), encoded);
  if (one.object === 'commit') checkSignature('commit', payment, hex(one.signature), header[1]);
  else if (one.header) {
    equal([render(header), render(payment)], [unnamed(one.header), one.payment], 'the header');
  }
}

function checkRate(one) {
  const [own, linked, amount] = [one.own, one.linked, one.amount].map(BigInt);
  const up = (number, divisor) => (number + divisor - 1n) / divisor;
  const found = [(amount * own) / linked, up(amount * own, linked), up(amount * linked, own)];
  equal(found.map(Number), [one.worth_at_least, one.worth_at_most, one.amount_for], 'the worth');
}

/** Node.js has nothing that opens a sealed box: what is sealed is compared with its hash alone. */
function checkSealed(one) {
  if (one.hash) equal(render(sha256(hex(one.sealed))), one.hash, 'the hash');
  else refuse(one.error, one.why);
}

// --- Evidence -----------------------------------------------------------------------------------

const WHO = record({ identity: KEY, certificate: bytes(1, 1024), signature: SIGNATURE });
const CLAIM = record({ what: oneOf('run', 'statement'), signed: bytes(1, 171520) });
const VERDICT = record({
  what: oneOf('commit', 'status', 'release'), signed: bytes(1, 171520),
});
const BODIES = list(bytes(1, 2600), 0, 32768);
const OF_LINK = { who: WHO, agreement: bytes(1, 4096) };
const EVIDENCES = {
  claims: record({ ...OF_LINK, first: CLAIM, second: CLAIM }),
  books: record({
    ...OF_LINK, base: bytes(0, 512), statement: bytes(1, 512), low: BODIES, high: BODIES,
  }),
  impossible: record({ ...OF_LINK, run: bytes(1, 171520), about: bytes(0, 2048) }),
  verdicts: record({ who: optional(WHO), header: bytes(1, 256), first: VERDICT, second: VERDICT }),
  heads: record({
    who: optional(WHO), key: bytes(1, 512), first: bytes(1, 65536), second: bytes(1, 65536),
    root: bytes(0, 32), path: list(HASH, 0, 128),
  }),
  versions: record({ conflict: bytes(1, 70000) }),
  dispute: record({ ...OF_LINK, theirs: CLAIM, ours: CLAIM }),
  past: record({ ...OF_LINK, statement: bytes(1, 512) }),
};

function openCertificate([identity, body, signature]) {
  const certificate = decode(body, CERTIFICATE, 1024);
  checkSignature('certificate', body, signature, identity);
  const circle = sha256(context('circle'), identity);
  require(certificate[0].equals(circle), 'malformed', "another circle's certificate");
  return certificate;
}

/** Who is accused: a side of the agreement, its keys as the certificate has them. */
function openAccused(who, wire) {
  const [circle, , origin, , , link, decision] = openCertificate(who);
  const terms = openAgreement(wire);
  const side = terms.slice(4).find((party) => party[0].equals(circle));
  require(side, 'malformed', 'an agreement of others');
  const same = side[1] === origin && side[2].equals(link) && side[3].equals(decision);
  require(same, 'malformed', 'other keys than the certificate has');
  return sideOf(terms, side === terms[4]);
}

function sideOf(terms, low) {
  const [side, other] = low ? [terms[4], terms[5]] : [terms[5], terms[4]];
  const link = sha256(context('link'), encode([terms[4][0], terms[5][0]]));
  return { terms, low, side, other, link, key: side[2] };
}

const messageHash = (body) => sha256(context('message'), body);

function openRun(data, key) {
  const wires = decode(data, list(bytes(1, 5200), 1, 64), 171520);
  const run = wires.map((wire) => decode(wire, LINK_WIRE, 5200));
  const opened = run.map(([body, signature], place) => {
    const last = place === run.length - 1;
    require(last || signature.length === 0, 'malformed', 'one before the last is signed');
    const message = decode(body, MESSAGE, 2600);
    const follows = place === 0 || message[4].equals(messageHash(run[place - 1][0]));
    require(follows, 'malformed', 'it does not name the message before it');
    const content = decode(message[6], CONTENTS[message[5]], 2600);
    return { body, message, kind: message[5], content };
  });
  checkSignature('message', ...run.at(-1), key);
  return opened;
}

/** The hashes that a claim names, by direction and number; its messages, or its statement. */
function openClaim(signer, [what, signed]) {
  const hashes = new Map();
  const name = (low, seq, hash) => hashes.set(`${low ? 0 : 1} ${String(seq).padStart(16, '0')}`, hash);
  if (what === 'statement') {
    const body = openSigned('statement', signed, signer.key, 512, 512);
    const statement = decode(body, STATEMENT, 512);
    require(statement[0].equals(signer.link), 'malformed', 'a statement of another link');
    name(true, statement[2], statement[3]);
    name(false, statement[4], statement[5]);
    return { hashes, messages: [], statement };
  }
  const messages = openRun(signed, signer.key);
  messages.forEach(({ body, message }, place) => {
    const [link, sender, receiver, seq, previous] = message;
    const ends = [link, sender, receiver].map(render);
    const expected = [signer.link, signer.side[0], signer.other[0]].map(render);
    require(String(ends) === String(expected), 'malformed', 'a message of another link');
    const follows = place === 0 || seq === messages[place - 1].message[3] + 1;
    require(follows, 'malformed', 'the numbers of a run');
    if (place === 0) name(signer.low, seq - 1, previous);
    name(signer.low, seq, messageHash(body));
  });
  return { hashes, messages, statement: null };
}

const owes = (accused, statement) => (accused.low ? 0 - statement[6] : statement[6]);

function found(accused, about, more = {}) {
  const { side, other, terms } = accused;
  return {
    about, circle: render(side[0]), origin: side[1], convicted: true, other: render(other[0]),
    other_origin: other[1], number: 0, payment: '', owes: [], unit: terms[1].toString(), key: '',
    ...more,
  };
}

function twoHashes(first, second) {
  const places = [...first.hashes.keys()].filter((place) => second.hashes.has(place)).sort();
  const place = places.find((one) => !first.hashes.get(one).equals(second.hashes.get(one)));
  return place && { low: place[0] === '0', number: Number(place.slice(2)) };
}

function twoAccounts(accused, { statement: one }, { statement: other }) {
  if (!one || !other || one[2] !== other[2] || one[4] !== other[4]) return null;
  if (String(render(one)) === String(render(other))) return null;
  return [one, other].map((statement) => owes(accused, statement));
}

/** What a message does to a payment, as [finding, T]. */
function paymentOf({ kind, content }) {
  if (kind === 'prepare') return ['sent-twice', sha256(context('payment'), content[0])];
  return kind === 'commit' ? ['committed-twice', content[0]] : null;
}

function contradiction(accused, first, second) {
  const hashes = twoHashes(first, second);
  if (hashes) {
    const own = hashes.low === accused.low;
    return found(accused, own ? 'message' : 'received', { convicted: own, number: hashes.number });
  }
  const accounts = twoAccounts(accused, first, second);
  if (accounts) return found(accused, 'statement', { owes: accounts });
  const seen = new Map();
  for (const each of first.messages) {
    const did = paymentOf(each);
    if (did) seen.set(String(render(did)), each.message[3]);
  }
  for (const each of second.messages) {
    const did = paymentOf(each);
    const [about, payment] = did ?? [];
    const seq = each.message[3];
    if (did && (seen.get(String(render(did))) ?? seq) !== seq) {
      return found(accused, about, { number: seq, payment: render(payment) });
    }
  }
  return unproven(false, 'both can be');
}

function dispute(accused, theirs, ours) {
  const hashes = twoHashes(theirs, ours);
  if (hashes) return found(accused, 'dispute', { convicted: false, number: hashes.number });
  const accounts = twoAccounts(accused, theirs, ours);
  unproven(accounts, 'nothing different');
  return found(accused, 'dispute', { convicted: false, owes: accounts });
}

function wrongBooks(accused, base, wire, bodies) {
  const open = (signed) => openClaim(accused, ['statement', signed]).statement;
  const zero = Buffer.alloc(32);
  const start = base.length ? open(base) : [accused.link, 1, 0, zero, 0, zero, 0, 0, 0];
  require(!start[7] && !start[8], 'malformed', 'payments under way where it begins');
  const end = open(wire);
  const sent = new Map();
  const ended = new Map();
  let agreement = start[1];
  const note = (map, key, value) => map.set(key, [...(map.get(key) ?? []), value]);
  bodies.forEach((direction, place) => {
    const at = 2 + 2 * place;
    const ends = [4 + place, 5 - place].map((side) => render(accused.terms[side][0]));
    let [seq, last] = [start[at], start[at + 1]];
    for (const body of direction) {
      const message = decode(body, MESSAGE, 2600);
      const content = decode(message[6], CONTENTS[message[5]], 2600);
      seq += 1;
      const expected = [render(accused.link), ...ends, seq, render(last)];
      require(String(render(message.slice(0, 5))) === String(expected), 'malformed', 'a row');
      last = messageHash(body);
      const kind = message[5];
      if (kind === 'prepare') {
        note(sent, `${place} ${render(sha256(context('payment'), content[0]))}`, content[1]);
      } else if (kind === 'commit' || kind === 'release') {
        note(ended, `${1 - place} ${render(content[0])}`, kind === 'commit');
      } else if (kind === 'accept') agreement += 1;
    }
    require(seq === end[at] && last.equals(end[at + 1]), 'malformed', 'other messages');
  });
  const own = accused.low ? '0' : '1';
  const unheld = [...ended.keys()].filter((key) => ended.get(key).length > (sent.get(key) ?? []).length);
  const twice = [...sent.keys()].filter((key) => sent.get(key).length > 1);
  const hold = unheld.find((key) => key[0] !== own);
  if (hold) return found(accused, 'hold', { payment: hold.slice(2) });
  const again = twice.find((key) => key[0] === own);
  if (again) return found(accused, 'sent-twice', { payment: again.slice(2) });
  unproven(!unheld.length && !twice.length, "the other's doing");
  const held = [0, 0];
  let tally = start[6];
  for (const [key, [amount]] of sent) {
    const [outcome] = ended.get(key) ?? [];
    if (outcome === undefined) held[Number(key[0])] += amount;
    else if (outcome) tally += key[0] === '0' ? -amount : amount;
  }
  const same = [agreement, tally, ...held].join() === [end[1], ...end.slice(6)].join();
  unproven(!same, 'it is as it says');
  const truly = accused.low ? 0 - tally : tally;
  return found(accused, 'books', { owes: [owes(accused, end), truly] });
}

function impossible(accused, run, about) {
  const [{ message, kind, content }] = openClaim(accused, ['run', run]).messages;
  const fits = (name, body, signature, key) =>
    isSignature(key, Buffer.concat([context(name), body]), signature);
  const number = message[3];
  if (kind === 'commit') {
    const named = sha256(context('payment'), about).equals(content[0]);
    require(named, 'malformed', "another payment's header");
    const good = fits('commit', content[0], content[1], decode(about, PAYMENT, 256)[1]);
    if (!good) return found(accused, 'false-commit', { number, payment: render(content[0]) });
  } else if (kind === 'accept') {
    const named = sha256(context('agreement'), about).equals(content[0]);
    require(named, 'malformed', 'another agreement');
    const good = fits('agreement', about, content[1], accused.key);
    if (!good) return found(accused, 'false-terms', { number });
  } else if (kind === 'propose' || kind === 'prepare') {
    require(about.length === 0, 'malformed', 'something beside it');
    const [body, signature] = content;
    if (kind === 'prepare') {
      if (codeOf(() => decode(body, PAYMENT, 256)) === null) unproven(false, 'a header');
      const payment = render(sha256(context('payment'), body));
      return found(accused, 'false-payment', { number, payment });
    }
    if (!isOfLink(accused, body) || !fits('agreement', body, signature, accused.key)) {
      return found(accused, 'false-terms', { number });
    }
  }
  return unproven(false, 'it can have been signed');
}

function isOfLink({ terms }, body) {
  const fixed = ([, unit, , , low, high]) =>
    String(render([unit, low.slice(0, 4), high.slice(0, 4)]));
  let proposed;
  if (codeOf(() => { proposed = readAgreement(body); }) !== null) return false;
  return fixed(proposed) === fixed(terms);
}

/** A finding on a circle alone, or on whoever has a key. */
const foundOf = (about, circle, origin, more) => ({
  about, circle, origin, convicted: true, other: '', other_origin: '', number: 0, payment: '',
  owes: [], unit: '', key: '', ...more,
});

function twoVerdicts([who, header, ...pair]) {
  const [decider, decision] = decode(header, PAYMENT, 256);
  const payment = sha256(context('payment'), header);
  const [certificate] = who.map(openCertificate);
  const own = !certificate || (decider.equals(certificate[0]) && decision.equals(certificate[6]));
  require(own, 'malformed', 'another decides');
  const told = pair.map(([what, signed]) => {
    if (what === 'commit') {
      checkSignature('commit', payment, signed, decision);
      return 'committed';
    }
    if (what === 'release') {
      require(certificate, 'signature-invalid', 'whose release it is');
      const [{ message, kind, content }] = openRun(signed, certificate[5]);
      const own = message[1].equals(decider) && kind === 'release' && content[0].equals(payment);
      require(own, 'malformed', 'another release');
      unproven(content[1] === 'payee', 'it may come another way');
      return 'refused';
    }
    const status = decode(openSigned('status', signed, decision, 512, 256), STATUS, 256);
    require(status[0].equals(payment), 'malformed', 'another payment');
    return status[1];
  });
  unproven(told.sort().join() === 'committed,refused', 'both can be');
  const [circle, origin] = certificate ? [render(certificate[0]), certificate[2]] : ['', ''];
  return foundOf('verdict', circle, origin, { payment: render(payment), key: render(decision) });
}

function twoHeads([who, vkey, one, other, root, path]) {
  const key = parseVkey(vkey.toString());
  const [certificate] = who.map(openCertificate);
  const own = !certificate || (certificate[2] === key.name && certificate[3].equals(key.key));
  require(own, 'malformed', "another circle's log");
  const [first, second] = [one, other].map((note) => parseCheckpoint(openNote(note, [key]).text));
  ill(first.origin === key.name && second.origin === key.name, 'another log');
  if (path.length || root.length) {
    require(first.size > 0n && first.size < second.size, 'malformed', 'the sizes');
    verifyConsistency(first.size, second.size, path, root, second.root);
    unproven(!same(root, first.root), 'one history');
  } else {
    unproven(first.size === second.size && !same(first.root, second.root), 'one history');
  }
  const circle = certificate ? render(certificate[0]) : '';
  return foundOf('heads', circle, key.name, { number: Number(first.size), key: key.text });
}

const ANY_ENVELOPE = record({
  issuer: HASH, epoch: int(1, 2 ** 32 - 1), seq: int(0, 2 ** 32 - 1), body: bytes(1, 32768),
  signature: SIGNATURE,
});

function twoVersions(conflict) {
  const shape = record({ announced: bytes(0, 2048), first: bytes(1, 32768), second: bytes(1, 32768) });
  const parts = decode(conflict, shape, 70000);
  const signed = (data) => data.subarray(0, -66);
  const parse = (data) => {
    const fields = decode(data, ANY_ENVELOPE, 32768);
    return { data, fields, id: sha256(context('gossip'), signed(data)) };
  };
  const [first, second] = parts.slice(1).map(parse);
  const version = ({ fields }) => String(render(fields.slice(0, 3)));
  require(version(first) === version(second), 'malformed', 'other versions');
  require(Buffer.compare(first.id, second.id) < 0, 'malformed', 'not two, in order');
  const [issuer, epoch, seq] = first.fields;
  require((seq === 0) === (parts[0].length === 0), 'malformed', 'an announcement too many or few');
  const openAnnouncement = ({ data, fields }) => {
    const [identity, body, signature] = decode(fields[3], WHO, 2048);
    const certificate = openCertificate([identity, body, signature]);
    require(certificate[0].equals(fields[0]), 'malformed', 'another issuer');
    require(certificate[1] === fields[1] && fields[2] === 0, 'malformed', 'another epoch');
    checkSignature('gossip', signed(data), fields[4], certificate[5]);
    return certificate;
  };
  if (seq === 0) {
    const [certificate] = [first, second].map(openAnnouncement);
    return foundOf('keys', render(issuer), certificate[2], {});
  }
  const announced = parse(parts[0]);
  const expected = String(render([issuer, epoch, 0]));
  require(version(announced) === expected, 'malformed', 'an announcement of another');
  const certificate = openAnnouncement(announced);
  for (const { data, fields } of [first, second]) {
    checkSignature('gossip', signed(data), fields[4], certificate[5]);
  }
  return foundOf('bulletin', render(issuer), certificate[2], { number: seq });
}

function verifyEvidence(data) {
  const shape = record({ kind: oneOf(...Object.keys(EVIDENCES)), content: bytes(1, 8388608) });
  const [kind, content] = decode(data, shape, 8388608);
  const parts = decode(content, EVIDENCES[kind], 8388608);
  if (kind === 'verdicts') return twoVerdicts(parts);
  if (kind === 'heads') return twoHeads(parts);
  if (kind === 'versions') return twoVersions(parts[0]);
  const accused = openAccused(parts[0], parts[1]);
  const turned = sideOf(accused.terms, !accused.low);
  switch (kind) {
    case 'claims':
      return contradiction(accused, ...parts.slice(2).map((claim) => openClaim(accused, claim)));
    case 'books': return wrongBooks(accused, parts[2], parts[3], parts.slice(4));
    case 'impossible': return impossible(accused, parts[2], parts[3]);
    case 'dispute':
      return dispute(accused, openClaim(accused, parts[2]), openClaim(turned, parts[3]));
    default: {
      const { statement } = openClaim(accused, ['statement', parts[2]]);
      const number = statement[accused.low ? 4 : 2];
      unproven(number > 0, 'it acknowledges nothing');
      return found(accused, 'past', { convicted: false, number });
    }
  }
}

const TOTALS = record({ accounts: int(0), positive: int(0), granted: int(0) });
const UNIT = record({
  name: bytes(1, 40), plural: bytes(1, 40), kind: oneOf('decimal', 'minutes'), scale: int(0, 9),
});
const POSITION = record({
  peer: HASH, unit: bytes(1, 40), statement: bytes(0, 512), numerator: int(1), denominator: int(1),
  inward: int(0), outward: int(0),
});
const BULLETIN = record({
  checkpoint: bytes(1, 4096), totals: TOTALS, endpoint: ascii(1, 255), unit: UNIT,
  links: list(POSITION, 0, 64),
});

function checkBulletin(one) {
  const wire = hex(one.wire);
  const envelope = decode(wire, ANY_ENVELOPE, 32768);
  const signed = wire.subarray(0, -66);
  checkSignature('gossip', signed, envelope[4], hex(one.link_key));
  const bulletin = decode(envelope[3], BULLETIN, 32768);
  const [checkpoint, , , unit, links] = bulletin;
  utf8(checkpoint);
  [unit[0], unit[1], ...links.map((link) => link[1])].forEach(checkName);
  links.slice(1).forEach(([peer], place) => {
    require(Buffer.compare(links[place][0], peer) < 0, 'malformed', 'the order of the links');
  });
  if (!one.bulletin) return;
  equal(render(envelope.slice(0, 3)), [one.issuer, one.epoch, one.seq], 'the version');
  equal(render(bulletin), unnamed(one.bulletin), 'the fields');
  equal(render(sha256(context('gossip'), signed)), one.id, 'the id');
}

/** A statement under which both circles stand. */
function checkJoined(one) {
  const joined = record({ body: bytes(1, 512), low: SIGNATURE, high: SIGNATURE });
  const [body, low, high] = decode(hex(one.wire), joined, 512);
  const statement = decode(body, STATEMENT, 512);
  checkSignature('statement', body, low, hex(one.low_key));
  checkSignature('statement', body, high, hex(one.high_key));
  if (one.statement) equal(render(statement), unnamed(one.statement), 'the fields');
}

function checkEvidence(one) {
  const finding = verifyEvidence(hex(one.evidence));
  if (one.finding) equal(finding, one.finding, 'the finding');
}

const MOMENT = int(0, 4102444799999);
const LINE = bytes(0, 800);
const PROSE = bytes(0, 8000);
const SHORT_NAME = ascii(0, 32);
const METRES = int(-20000000, 19999999);
const WORK = int(0, 1440);
const MISSED = oneOf('', 'helper', 'asker');
const WHO_FIELDS = {
  name: LINE, handle: SHORT_NAME, reach: LINE, address: PROSE, private: PROSE,
};
const VERDICT_FIELDS = {
  offer: int(1), word: oneOf('held', 'late', 'declined', 'accepted', 'cancelled'), minutes: WORK,
  missed: MISSED, payment: bytes(0, 32), thanks: PROSE,
};
const WANT_FIELDS = {
  id: bytes(16),
  seq: int(1),
  state: oneOf('open', 'settled', 'over'),
  category: ascii(1, 32),
  area: LINE,
  spot: optional(record({ easting: METRES, northing: METRES })),
  minutes: int(15, 480),
  places: int(1, 10),
  picks: FLAG,
  windows: list(record({ begins: MOMENT, ends: MOMENT }), 1, 28),
  traits: list(oneOf('car', 'step-free', 'woman', 'no-pets'), 0, 4),
  language: LINE,
  vetting: SHORT_NAME,
  hour: int(1, Math.floor(M / 48000)),
  who: optional(record(WHO_FIELDS)),
  verdicts: list(record(VERDICT_FIELDS), 0, 64),
};
const OFFER_FIELDS = {
  offer: int(1), begins: MOMENT, vetted: MOMENT, stands: FLAG, minutes: WORK, missed: MISSED,
  name: LINE, handle: SHORT_NAME, reach: LINE,
};
const REPLY_FIELDS = {
  id: bytes(16), seq: int(1), state: oneOf('looking', 'nobody', 'unfit'),
  offers: list(record(OFFER_FIELDS), 0, 64),
};
const HALF_MAX = 24576;
const REFERRALS_MAX = 524288;
const HALVES = list(bytes(1, HALF_MAX), 0, 8);
const REFERRALS_FIELDS = {
  part: oneOf('referrals-request', 'referrals-answer'), link: HASH, sender: HASH, receiver: HASH,
  nonce: bytes(16), at: MOMENT,
  heard: list(record({ id: bytes(16), is_want: FLAG, seq: int(1) }), 0, 16),
  wants: HALVES, replies: HALVES,
};

function checkProse(data) {
  for (const line of utf8(data).split('\n')) {
    require(!UNPRINTABLE.test(line), 'malformed', 'a character that cannot be shown');
  }
}

function checkOnce(offers) {
  const numbers = new Set(offers.map(([number]) => number));
  require(numbers.size === offers.length, 'malformed', 'an offer stands there twice');
}

const equalNames = (stated, fields) => equal(Object.keys(stated), Object.keys(fields), 'the names');

function checkWant(one) {
  const want = decode(hex(one.encoded), record(WANT_FIELDS), HALF_MAX);
  const [area, windows, language, who, verdicts] = [4, 9, 11, 14, 15].map((place) => want[place]);
  [area, language].forEach(checkProse);
  who.flatMap(([name, , ...more]) => [name, ...more]).forEach(checkProse);
  windows.forEach(([begins, ends]) => require(begins < ends, 'malformed', 'a window'));
  for (const [, , , , payment, thanks] of verdicts) {
    require([0, 32].includes(payment.length), 'malformed', "a payment's id");
    checkProse(thanks);
  }
  checkOnce(verdicts);
  if (!one.want) return;
  equal(render(want), unnamed(one.want), 'the fields');
  equalNames(one.want, WANT_FIELDS);
  one.want.who.forEach((stated) => equalNames(stated, WHO_FIELDS));
  one.want.verdicts.forEach((stated) => equalNames(stated, VERDICT_FIELDS));
}

function checkReply(one) {
  const reply = decode(hex(one.encoded), record(REPLY_FIELDS), HALF_MAX);
  const offers = reply[3];
  offers.flatMap((offer) => [offer[6], offer[8]]).forEach(checkProse);
  checkOnce(offers);
  if (!one.reply) return;
  equal(render(reply), unnamed(one.reply), 'the fields');
  equalNames(one.reply, REPLY_FIELDS);
  one.reply.offers.forEach((stated) => equalNames(stated, OFFER_FIELDS));
}

/** The halves are not read here: one that cannot be stops no other. */
function checkReferrals(one) {
  const [wire, key] = [hex(one.wire), hex(one.link_key)];
  const body = openSigned('referrals', wire, key, REFERRALS_MAX, REFERRALS_MAX);
  const said = decode(body, record(REFERRALS_FIELDS), REFERRALS_MAX);
  if (!one.referrals) return;
  equal(render(said), unnamed(one.referrals), 'the fields');
  equalNames(one.referrals, REFERRALS_FIELDS);
  const signed = signWith(hex(one.link_seed), Buffer.concat([context('referrals'), body]));
  equal(render(encode([body, signed])), one.wire, 'the wire');
}

const CHECKS = {
  'agreement.json': checkAgreement,
  'bulletin.json': checkBulletin,
  'evidence.json': checkEvidence,
  'joined-statement.json': checkJoined,
  'link-message.json': checkMessage,
  'link-run.json': checkRun,
  'link-statement.json': checkStatement,
  'exchange.json': checkExchange,
  'referrals.json': checkReferrals,
  'reply.json': checkReply,
  'want.json': checkWant,
  'route.json': checkRoute,
  'payment.json': checkPayment,
  'rate.json': checkRate,
  'sealed-part.json': checkSealed,
  'public-key.json': (one) => checkPoint(hex(one.key)),
  'signature.json': (one) => {
    const good = isSignature(hex(one.key), hex(one.message), hex(one.signature));
    require(good, 'signature-invalid', 'a signature');
  },
  'order.json': checkOrder,
  'declaration.json': checkDeclaration,
  'charter.json': checkCharter,
  'commitment.json': checkCommitment,
  'entry.json': (one) => ({ leaf: readLeaf, posting: readPosting })[one.object](hex(one.encoded)),
  'opening.json': checkOpening,
  'merkle-tree.json': (one) => {
    const leaves = hashes(one.leaves).map(leafHash);
    equal([render(leaves), render(rootOf(leaves))], [one.leaf_hashes, one.root], 'the tree');
  },
  'merkle-inclusion.json': (one) => verifyInclusion(
    one.index, one.tree_size, hex(one.leaf_hash), hashes(one.proof), hex(one.root),
  ),
  'merkle-consistency.json': (one) => verifyConsistency(
    one.size1, one.size2, hashes(one.proof), hex(one.root1), hex(one.root2),
  ),
  'merkle-tile.json': (one) => {
    const { full, partial } = tilesOf(one.tree_size);
    equal([full, partial], [one.full, one.partial], 'the tiles');
  },
  'merkle-tile-content.json': (one) => proveByTiles(
    one.index, one.tree_size, hex(one.leaf_hash), hex(one.root), one.tiles,
  ),
  'merkle-tile-path.json': (one) => {
    const { path, ...stated } = one;
    const found = parseTilePath(path);
    equal(Object.entries(found).sort(), Object.entries(stated).sort(), 'the tile');
  },
  'merkle-bundle.json': (one) => {
    equal(render(parseBundle(hex(one.bundle), one.width)), one.entries, 'the entries');
  },
  'note-key.json': checkKey,
  'note-signed.json': checkSigned,
  'note-checkpoint.json': checkCheckpoint,
  'note-cosignature.json': (one) => {
    const found = cosigned(Buffer.from(one.note), one.witness_vkeys.map(parseVkey));
    equal(found, one.cosigned, 'who cosigned');
  },
  'proof-receipt.json': checkReceipt,
};

function checksOf(name, content) {
  if (name === 'worked-example.json') return [() => checkExample(content)];
  if (name === 'history.json') return checkHistory(content.cases);
  const check = CHECKS[name];
  if (!check) throw new Error(`nothing here checks ${name}`);
  return content.cases.map((one) => () => check(one));
}

/** What a check comes to: the code with which it refuses, or null. */
function codeOf(check) {
  try {
    check();
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}

function main(folder) {
  let [agreed, differ] = [0, 0];
  for (const under of ['valid', 'invalid']) {
    for (const name of readdirSync(join(folder, under)).sort()) {
      const content = JSON.parse(readFileSync(join(folder, under, name), 'utf-8'));
      checksOf(name, content).forEach((check, place) => {
        const one = content.cases?.[place] ?? {};
        const stated = under === 'invalid' ? one.error : null;
        let found;
        try {
          found = codeOf(check);
        } catch (error) {
          found = error.message;
        }
        if (found === stated) agreed += 1;
        else {
          differ += 1;
          const what = one.why ?? one.shows ?? '';
          console.error(`${under}/${name} ${place} (${what}): ${found}, and should be ${stated}`);
        }
      });
    }
  }
  console.log(`agreed on ${agreed} cases, differ on ${differ}`);
  return differ ? 1 : 0;
}

process.exitCode = main(process.argv[2]);
