import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fattr3, Nfsstat3, Sattr3, WccData } from '../src/attributes.ts';
import { procedures, type ArgsOf, type BackendProcedureName } from '../src/nfs3.ts';
import { unchanged } from './support/client.ts';
import { backends, bytes, plant, type Planted } from './support/planted.ts';
import { serve } from './support/serve.ts';

interface Case<Name extends BackendProcedureName> {
  readonly name: string;
  readonly args: (tree: Planted) => ArgsOf<Name>;
  /** A backend may have reasons of its own. */
  readonly want: Nfsstat3 | { readonly memory: Nfsstat3; readonly directory: Nfsstat3 };
  /** Whose weak cache consistency data the reply carries, by member. */
  readonly wcc?: Readonly<Record<string, (tree: Planted) => Uint8Array>>;
  /** Whose attributes it carries. */
  readonly attributes?: Readonly<Record<string, (tree: Planted) => Uint8Array>>;
}
type Cases = { readonly [Name in BackendProcedureName]: readonly Case<Name>[] };

const short = new Uint8Array(5);
const long = bytes('x'.repeat(256));
const verf = new Uint8Array(8);
const wish = (sattr: Partial<Sattr3>): Sattr3 => ({ ...unchanged, ...sattr });
const guarded = { mode: 'GUARDED', obj_attributes: unchanged } as const;
const unchecked = (sattr: Partial<Sattr3> = {}) =>
  ({ mode: 'UNCHECKED', obj_attributes: wish(sattr) }) as const;
const at = (dir: Uint8Array, name: string | Uint8Array): { dir: Uint8Array; name: Uint8Array } => ({
  dir,
  name: typeof name === 'string' ? bytes(name) : name,
});
const set = (object: Uint8Array, sattr: Partial<Sattr3>): ArgsOf<'SETATTR'> => ({
  object,
  new_attributes: wish(sattr),
  guard: undefined,
});
const put = (file: Uint8Array, args: Partial<ArgsOf<'WRITE'>> = {}): ArgsOf<'WRITE'> => ({
  ...{ file, offset: 0, count: 3, stable: 'UNSTABLE', data: bytes('abc') },
  ...args,
});
const page = { cookie: 0, cookieverf: verf, count: 4096 };
const pagePlus = { cookie: 0, cookieverf: verf, dircount: 4096, maxcount: 8192 };
const symlink = { symlink_attributes: unchanged, symlink_data: bytes('to') };
const pipe = { type: 'NF3FIFO', pipe_attributes: unchanged } as const;
const root = (tree: Planted): Uint8Array => tree.root;
const file = (tree: Planted): Uint8Array => tree.file;

/** What every procedure says of a handle that is none, and of one whose file is gone. */
const handles = <Name extends BackendProcedureName>(
  args: (handle: Uint8Array, tree: Planted) => ArgsOf<Name>,
): Case<Name>[] => [
  { name: 'a handle of the wrong form', args: (tree) => args(short, tree), want: 'NFS3ERR_BADHANDLE' },
  { name: 'a handle of a file that is gone', args: (tree) => args(tree.stale, tree), want: 'NFS3ERR_STALE' },
];

/** What every procedure that makes a name says. */
const makes = <Name extends BackendProcedureName>(
  args: (where: { dir: Uint8Array; name: Uint8Array }, tree: Planted) => ArgsOf<Name>,
  dirWcc: string,
): Case<Name>[] => [
  ...handles<Name>((dir, t) => args(at(dir, 'new'), t)),
  { name: 'a new name', args: (t) => args(at(t.root, 'new'), t), want: 'NFS3_OK', wcc: { [dirWcc]: root } },
  { name: 'a name of 255 bytes', args: (t) => args(at(t.root, long.subarray(1)), t), want: 'NFS3_OK' },
  { name: 'a name that is taken', args: (t) => args(at(t.root, 'file'), t), want: 'NFS3ERR_EXIST' },
  { name: 'a name of 256 bytes', args: (t) => args(at(t.root, long), t), want: 'NFS3ERR_NAMETOOLONG' },
  { name: 'no name', args: (t) => args(at(t.root, ''), t), want: 'NFS3ERR_ACCES' },
  { name: 'a name with a slash', args: (t) => args(at(t.root, '../x'), t), want: 'NFS3ERR_ACCES' },
  { name: '.', args: (t) => args(at(t.root, '.'), t), want: 'NFS3ERR_EXIST' },
  { name: '..', args: (t) => args(at(t.root, '..'), t), want: 'NFS3ERR_EXIST' },
  {
    name: 'a file in the place of the directory',
    args: (t) => args(at(t.file, 'x'), t),
    want: 'NFS3ERR_NOTDIR',
  },
];

const cases: Cases = {
  GETATTR: [
    ...handles<'GETATTR'>((object) => ({ object })),
    {
      name: 'a file',
      args: (t) => ({ object: t.file }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: file },
    },
    { name: 'a symlink itself', args: (t) => ({ object: t.link }), want: 'NFS3_OK' },
  ],
  SETATTR: [
    ...handles<'SETATTR'>((object) => set(object, { mode: 0o600 })),
    { name: 'the mode', args: (t) => set(t.file, { mode: 0o600 }), want: 'NFS3_OK', wcc: { obj_wcc: file } },
    {
      name: 'a smaller size',
      args: (t) => set(t.file, { size: 3 }),
      want: 'NFS3_OK',
      wcc: { obj_wcc: file },
    },
    { name: 'a greater size', args: (t) => set(t.file, { size: 1_000_000 }), want: 'NFS3_OK' },
    { name: 'the size of a directory', args: (t) => set(t.directory, { size: 0 }), want: 'NFS3ERR_ISDIR' },
    { name: 'the size of a symlink', args: (t) => set(t.link, { size: 0 }), want: 'NFS3ERR_INVAL' },
    {
      name: 'times of a symlink itself',
      args: (t) =>
        set(t.link, { mtime: { set_it: 'SET_TO_CLIENT_TIME', time: { seconds: 9, nseconds: 0 } } }),
      want: 'NFS3_OK',
    },
    {
      name: 'the guard of another time',
      args: (t) => ({ ...set(t.file, { mode: 0 }), guard: { seconds: 1, nseconds: 1 } }),
      want: 'NFS3ERR_NOT_SYNC',
    },
  ],
  LOOKUP: [
    ...handles<'LOOKUP'>((dir) => ({ what: at(dir, 'file') })),
    {
      name: 'a file',
      args: (t) => ({ what: at(t.root, 'file') }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: file, dir_attributes: root },
    },
    {
      name: '..',
      args: (t) => ({ what: at(t.directory, '..') }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: root },
    },
    {
      name: '.',
      args: (t) => ({ what: at(t.root, '.') }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: root },
    },
    { name: 'a name that is not there', args: (t) => ({ what: at(t.root, 'none') }), want: 'NFS3ERR_NOENT' },
    { name: 'no name', args: (t) => ({ what: at(t.root, '') }), want: 'NFS3ERR_ACCES' },
    { name: 'a name of 256 bytes', args: (t) => ({ what: at(t.root, long) }), want: 'NFS3ERR_NAMETOOLONG' },
    { name: 'in a file', args: (t) => ({ what: at(t.file, 'x') }), want: 'NFS3ERR_NOTDIR' },
    { name: 'behind a symlink', args: (t) => ({ what: at(t.link, 'x') }), want: 'NFS3ERR_NOTDIR' },
  ],
  ACCESS: [
    ...handles<'ACCESS'>((object) => ({ object, access: 63 })),
    {
      name: 'a file',
      args: (t) => ({ object: t.file, access: 63 }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: file },
    },
    { name: 'nothing', args: (t) => ({ object: t.file, access: 0 }), want: 'NFS3_OK' },
  ],
  READLINK: [
    ...handles<'READLINK'>((handle) => ({ symlink: handle })),
    {
      name: 'a symlink',
      args: (t) => ({ symlink: t.link }),
      want: 'NFS3_OK',
      attributes: { symlink_attributes: (t) => t.link },
    },
    { name: 'a file', args: (t) => ({ symlink: t.file }), want: 'NFS3ERR_INVAL' },
    { name: 'a directory', args: (t) => ({ symlink: t.directory }), want: 'NFS3ERR_INVAL' },
  ],
  READ: [
    ...handles<'READ'>((handle) => ({ file: handle, offset: 0, count: 1 })),
    {
      name: 'a file',
      args: (t) => ({ file: t.file, offset: 0, count: 9 }),
      want: 'NFS3_OK',
      attributes: { file_attributes: file },
    },
    { name: 'nothing', args: (t) => ({ file: t.file, offset: 0, count: 0 }), want: 'NFS3_OK' },
    { name: 'behind the end', args: (t) => ({ file: t.file, offset: 100, count: 9 }), want: 'NFS3_OK' },
    { name: 'a directory', args: (t) => ({ file: t.directory, offset: 0, count: 9 }), want: 'NFS3ERR_ISDIR' },
    { name: 'a symlink', args: (t) => ({ file: t.link, offset: 0, count: 9 }), want: 'NFS3ERR_INVAL' },
  ],
  WRITE: [
    ...handles<'WRITE'>((handle) => put(handle)),
    { name: 'a file', args: (t) => put(t.file), want: 'NFS3_OK', wcc: { file_wcc: file } },
    {
      name: 'durably',
      args: (t) => put(t.file, { stable: 'FILE_SYNC' }),
      want: 'NFS3_OK',
      wcc: { file_wcc: file },
    },
    { name: 'nothing', args: (t) => put(t.file, { count: 0, data: bytes('') }), want: 'NFS3_OK' },
    {
      name: 'another count than its data has',
      args: (t) => put(t.file, { count: 9 }),
      want: 'NFS3ERR_INVAL',
    },
    { name: 'a directory', args: (t) => put(t.directory), want: 'NFS3ERR_ISDIR' },
    { name: 'a symlink', args: (t) => put(t.link), want: 'NFS3ERR_INVAL' },
  ],
  CREATE: [
    ...makes<'CREATE'>((where) => ({ where, how: guarded }), 'dir_wcc'),
    {
      name: 'unchecked over a file',
      args: (t) => ({ where: at(t.root, 'file'), how: unchecked() }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: file },
    },
    {
      name: 'unchecked over a file, of size 0',
      args: (t) => ({ where: at(t.root, 'file'), how: unchecked({ size: 0 }) }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: file },
    },
    {
      name: 'unchecked over a directory',
      args: (t) => ({ where: at(t.root, 'directory'), how: unchecked() }),
      want: 'NFS3ERR_EXIST',
    },
    {
      name: 'unchecked over a symlink',
      args: (t) => ({ where: at(t.root, 'link'), how: unchecked() }),
      want: 'NFS3ERR_EXIST',
    },
    {
      name: 'exclusively over a file of others',
      args: (t) => ({ where: at(t.root, 'file'), how: { mode: 'EXCLUSIVE', verf } }),
      want: 'NFS3ERR_EXIST',
    },
    {
      name: 'exclusively',
      args: (t) => ({ where: at(t.root, 'own'), how: { mode: 'EXCLUSIVE', verf } }),
      want: 'NFS3_OK',
      wcc: { dir_wcc: root },
    },
  ],
  MKDIR: makes<'MKDIR'>((where) => ({ where, attributes: unchanged }), 'dir_wcc'),
  SYMLINK: [
    ...makes<'SYMLINK'>((where) => ({ where, symlink }), 'dir_wcc'),
    {
      name: 'a target of 4,096 bytes',
      args: (t) => ({
        where: at(t.root, 'new'),
        symlink: { ...symlink, symlink_data: bytes('x'.repeat(4096)) },
      }),
      want: 'NFS3ERR_NAMETOOLONG',
    },
  ],
  MKNOD: [
    ...handles<'MKNOD'>((dir) => ({ where: at(dir, 'new'), what: pipe })),
    {
      name: 'a pipe',
      args: (t) => ({ where: at(t.root, 'new'), what: pipe }),
      want: { memory: 'NFS3_OK', directory: 'NFS3ERR_NOTSUPP' },
    },
    {
      name: 'a regular file',
      args: (t) => ({ where: at(t.root, 'new'), what: { type: 'NF3REG' } }),
      want: 'NFS3ERR_BADTYPE',
    },
    { name: 'in a file', args: (t) => ({ where: at(t.file, 'new'), what: pipe }), want: 'NFS3ERR_NOTDIR' },
  ],
  REMOVE: [
    ...handles<'REMOVE'>((dir) => ({ object: at(dir, 'file') })),
    {
      name: 'a file',
      args: (t) => ({ object: at(t.root, 'file') }),
      want: 'NFS3_OK',
      wcc: { dir_wcc: root },
    },
    { name: 'a symlink itself', args: (t) => ({ object: at(t.root, 'link') }), want: 'NFS3_OK' },
    { name: 'what is not there', args: (t) => ({ object: at(t.root, 'none') }), want: 'NFS3ERR_NOENT' },
    { name: 'a directory', args: (t) => ({ object: at(t.root, 'directory') }), want: 'NFS3ERR_ISDIR' },
    { name: 'a name of 256 bytes', args: (t) => ({ object: at(t.root, long) }), want: 'NFS3ERR_NAMETOOLONG' },
    { name: 'in a file', args: (t) => ({ object: at(t.file, 'x') }), want: 'NFS3ERR_NOTDIR' },
  ],
  RMDIR: [
    ...handles<'RMDIR'>((dir) => ({ object: at(dir, 'directory') })),
    {
      name: 'an empty directory',
      args: (t) => ({ object: at(t.root, 'directory') }),
      want: 'NFS3_OK',
      wcc: { dir_wcc: root },
    },
    {
      name: 'one with something in it',
      args: (t) => ({ object: at(t.root, 'full') }),
      want: 'NFS3ERR_NOTEMPTY',
    },
    { name: 'a file', args: (t) => ({ object: at(t.root, 'file') }), want: 'NFS3ERR_NOTDIR' },
    { name: 'what is not there', args: (t) => ({ object: at(t.root, 'none') }), want: 'NFS3ERR_NOENT' },
    { name: '.', args: (t) => ({ object: at(t.root, '.') }), want: 'NFS3ERR_INVAL' },
    { name: '..', args: (t) => ({ object: at(t.root, '..') }), want: 'NFS3ERR_EXIST' },
  ],
  RENAME: [
    ...handles<'RENAME'>((dir, t) => ({ from: at(dir, 'file'), to: at(t.root, 'x') })),
    ...handles<'RENAME'>((dir, t) => ({ from: at(t.root, 'file'), to: at(dir, 'x') })),
    {
      name: 'into another directory',
      args: (t) => ({ from: at(t.root, 'file'), to: at(t.directory, 'x') }),
      want: 'NFS3_OK',
      wcc: { fromdir_wcc: root, todir_wcc: (t) => t.directory },
    },
    {
      name: 'a file over a symlink',
      args: (t) => ({ from: at(t.root, 'file'), to: at(t.root, 'link') }),
      want: 'NFS3_OK',
    },
    {
      name: 'onto itself',
      args: (t) => ({ from: at(t.root, 'file'), to: at(t.root, 'file') }),
      want: 'NFS3_OK',
    },
    {
      name: 'a directory over an empty one',
      args: (t) => ({ from: at(t.root, 'full'), to: at(t.root, 'directory') }),
      want: 'NFS3_OK',
    },
    {
      name: 'a directory over a full one',
      args: (t) => ({ from: at(t.root, 'directory'), to: at(t.root, 'full') }),
      want: 'NFS3ERR_NOTEMPTY',
    },
    {
      name: 'a file over a directory',
      args: (t) => ({ from: at(t.root, 'file'), to: at(t.root, 'directory') }),
      want: 'NFS3ERR_EXIST',
    },
    {
      name: 'a directory over a file',
      args: (t) => ({ from: at(t.root, 'directory'), to: at(t.root, 'file') }),
      want: 'NFS3ERR_EXIST',
    },
    {
      name: 'a directory into itself',
      args: (t) => ({ from: at(t.root, 'full'), to: at(t.full, 'x') }),
      want: 'NFS3ERR_INVAL',
    },
    { name: '.', args: (t) => ({ from: at(t.root, '.'), to: at(t.root, 'x') }), want: 'NFS3ERR_INVAL' },
    {
      name: 'to ..',
      args: (t) => ({ from: at(t.root, 'file'), to: at(t.root, '..') }),
      want: 'NFS3ERR_INVAL',
    },
    {
      name: 'what is not there',
      args: (t) => ({ from: at(t.root, 'none'), to: at(t.root, 'x') }),
      want: 'NFS3ERR_NOENT',
    },
    {
      name: 'to a name of 256 bytes',
      args: (t) => ({ from: at(t.root, 'file'), to: at(t.root, long) }),
      want: 'NFS3ERR_NAMETOOLONG',
    },
    {
      name: 'from a file',
      args: (t) => ({ from: at(t.file, 'x'), to: at(t.root, 'x') }),
      want: 'NFS3ERR_NOTDIR',
    },
  ],
  LINK: [
    ...makes<'LINK'>((link, t) => ({ file: t.file, link }), 'linkdir_wcc'),
    ...handles<'LINK'>((handle, t) => ({ file: handle, link: at(t.root, 'x') })),
    {
      name: 'a directory',
      args: (t) => ({ file: t.directory, link: at(t.root, 'x') }),
      want: 'NFS3ERR_INVAL',
    },
    {
      name: 'a symlink itself',
      args: (t) => ({ file: t.link, link: at(t.root, 'x') }),
      want: 'NFS3_OK',
      attributes: { file_attributes: (t) => t.link },
    },
  ],
  READDIR: [
    ...handles<'READDIR'>((dir) => ({ dir, ...page })),
    {
      name: 'a directory',
      args: (t) => ({ dir: t.root, ...page }),
      want: 'NFS3_OK',
      attributes: { dir_attributes: root },
    },
    { name: 'a file', args: (t) => ({ dir: t.file, ...page }), want: 'NFS3ERR_NOTDIR' },
    {
      name: 'no room for an entry',
      args: (t) => ({ dir: t.root, ...page, count: 20 }),
      want: 'NFS3ERR_TOOSMALL',
    },
    {
      name: 'a cookie with a verifier of others',
      args: (t) => ({ dir: t.root, ...page, cookie: 3, cookieverf: bytes('verifier') }),
      want: 'NFS3ERR_BAD_COOKIE',
    },
  ],
  READDIRPLUS: [
    ...handles<'READDIRPLUS'>((dir) => ({ dir, ...pagePlus })),
    {
      name: 'a directory',
      args: (t) => ({ dir: t.root, ...pagePlus }),
      want: 'NFS3_OK',
      attributes: { dir_attributes: root },
    },
    { name: 'a file', args: (t) => ({ dir: t.file, ...pagePlus }), want: 'NFS3ERR_NOTDIR' },
    {
      name: 'no room for an entry',
      args: (t) => ({ dir: t.root, ...pagePlus, maxcount: 100 }),
      want: 'NFS3ERR_TOOSMALL',
    },
    {
      name: 'a cookie with a verifier of others',
      args: (t) => ({ dir: t.root, ...pagePlus, cookie: 3, cookieverf: bytes('verifier') }),
      want: 'NFS3ERR_BAD_COOKIE',
    },
  ],
  FSSTAT: [
    ...handles<'FSSTAT'>((fsroot) => ({ fsroot })),
    {
      name: 'the tree',
      args: (t) => ({ fsroot: t.root }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: root },
    },
  ],
  FSINFO: [
    ...handles<'FSINFO'>((fsroot) => ({ fsroot })),
    {
      name: 'the tree',
      args: (t) => ({ fsroot: t.root }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: root },
    },
  ],
  PATHCONF: [
    ...handles<'PATHCONF'>((object) => ({ object })),
    {
      name: 'a file',
      args: (t) => ({ object: t.file }),
      want: 'NFS3_OK',
      attributes: { obj_attributes: file },
    },
  ],
  COMMIT: [
    ...handles<'COMMIT'>((handle) => ({ file: handle, offset: 0, count: 0 })),
    {
      name: 'a file',
      args: (t) => ({ file: t.file, offset: 0, count: 0 }),
      want: 'NFS3_OK',
      wcc: { file_wcc: file },
    },
    { name: 'a directory', args: (t) => ({ file: t.directory, offset: 0, count: 0 }), want: 'NFS3ERR_ISDIR' },
  ],
};

/** Reading changes the time of the last access. */
const still = ({ atime: _atime, ...rest }: Fattr3): Omit<Fattr3, 'atime'> => rest;

const attributesOf = async (tree: Planted, object: Uint8Array): Promise<Fattr3> =>
  (await tree.client.ok('GETATTR', { object })).obj_attributes;

async function check<Name extends BackendProcedureName>(
  procedure: Name,
  { args, want, wcc = {}, attributes = {} }: Case<Name>,
  { tree, backend }: { tree: Planted; backend: 'memory' | 'directory' },
): Promise<void> {
  const before = new Map<string, Fattr3>();
  for (const [member, of] of Object.entries(wcc)) before.set(member, await attributesOf(tree, of(tree)));
  const reply = await tree.client.call(procedure, args(tree));
  assert.equal(reply.status, typeof want === 'string' ? want : want[backend]);
  const members = (reply.status === 'NFS3_OK' ? reply.ok : reply.fail) as Readonly<Record<string, unknown>>;
  for (const [member, of] of Object.entries(wcc)) {
    const told = members[member] as WccData;
    const { size, mtime, ctime } = before.get(member)!;
    assert.deepEqual(told.before, { size, mtime, ctime }, `${member} before`);
    assert.deepEqual(still(told.after!), still(await attributesOf(tree, of(tree))), `${member} after`);
  }
  for (const [member, of] of Object.entries(attributes)) {
    assert.deepEqual(still(members[member] as Fattr3), still(await attributesOf(tree, of(tree))), member);
  }
}

test('there are cases of every procedure', () =>
  assert.deepEqual(['NULL', ...Object.keys(cases)], Object.keys(procedures)));

for (const [backend, open] of Object.entries(backends)) {
  for (const [name, rows] of Object.entries(cases)) {
    test(`${name} of the ${backend} backend does what RFC 1813 says`, async (context) => {
      const { client, logged } = await serve(context, await open(context));
      for (const [index, row] of rows.entries()) {
        await context.test(row.name, async () => {
          const tree = await plant(client, `case ${index}`);
          await check(name as BackendProcedureName, row as Case<BackendProcedureName>, {
            tree,
            backend: backend as 'memory' | 'directory',
          });
        });
      }
      assert.deepEqual(logged, []);
    });
  }
}
