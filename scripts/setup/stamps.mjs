// Knows which step is up to date: a step's stamp is the hash of everything that it reads.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const notInputs = new Set(['node_modules', 'dist', 'target', '.git']);

function* filesBelow(place) {
  const found = statSync(place, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (found.isFile()) {
    if (!place.endsWith('.node') && !place.endsWith('.tsbuildinfo')) yield place;
    return;
  }
  for (const name of readdirSync(place).sort()) {
    if (!notInputs.has(name)) yield* filesBelow(path.join(place, name));
  }
}

/** Hash of names and contents of all files below `places` (files or folders, relative to `root`) and of `also`. */
export function hashOf(root, places, also = []) {
  const hash = createHash('sha256').update(JSON.stringify(also));
  for (const place of places) {
    for (const file of filesBelow(path.join(root, place))) {
      const content = readFileSync(file);
      hash.update(`\n${path.relative(root, file)} ${content.length}\n`).update(content);
    }
  }
  return hash.digest('hex');
}

/** Hash of names, sizes and times of the same files: equal means that nothing was written since. */
function glanceOf(root, places, also) {
  const hash = createHash('sha256').update(JSON.stringify(also));
  for (const place of places) {
    for (const file of filesBelow(path.join(root, place))) {
      const { size, mtimeNs } = statSync(file, { bigint: true });
      hash.update(`\n${path.relative(root, file)} ${size} ${mtimeNs}`);
    }
  }
  return hash.digest('hex');
}

/** The stamps of the steps that have succeeded. They live in node_modules, so that removing it starts afresh. */
export function openStamps(root) {
  const file = path.join(root, 'node_modules', '.cache', 'terrace', 'setup.json');
  const read = () => {
    try {
      return JSON.parse(readFileSync(file, 'utf8'));
    } catch {
      return {}; // Absent or damaged: every step runs again, which is always safe.
    }
  };
  const save = (name, hash) => {
    const stamps = { ...read(), [name]: hash };
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(stamps));
    renameSync(`${file}.new`, file);
  };
  return {
    /** `hashOf` for a step; from the stamp, without reading the files, where a glance shows that none has changed. */
    hash(name, places, also = []) {
      const stamps = read();
      const glance = glanceOf(root, places, also);
      if (stamps[name] !== undefined && stamps[`${name}, glance`] === glance) return stamps[name];
      const hash = hashOf(root, places, also);
      if (stamps[name] === hash) save(`${name}, glance`, glance);
      return hash;
    },
    isCurrent: (name, hash) => read()[name] === hash,
    save,
  };
}

/** Removes compiled files whose source has gone: a deleted test must not run on. */
export function pruneOutputs(sourceRoot, outputRoot, folders) {
  for (const folder of folders) {
    for (const file of filesBelow(path.join(outputRoot, folder))) {
      const source = path
        .join(sourceRoot, path.relative(outputRoot, file))
        .replace(/(\.d)?\.(js|ts)(\.map)?$/, '.ts');
      if (statSync(source, { throwIfNoEntry: false }) === undefined) rmSync(file);
    }
  }
}
