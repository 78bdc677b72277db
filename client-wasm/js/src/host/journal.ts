/**
 * Records in one file, to which changes are appended.
 *
 * The file starts with a line that names its version. Behind it come batches: the length of the body (4 bytes), the first 8
 * bytes of its SHA-256, and the body. A body is a run of changes: the length of a key (1 byte), the key in ASCII, the length
 * of its value (4 bytes; all ones for a key that is forgotten) and the value. Numbers are little-endian. A batch that was
 * cut off at the end of the file was never said to be kept, and is dropped; one that is wrong in the middle is damage.
 */

import { createHash } from 'node:crypto';
import { link, open, readFile, rename, type FileHandle } from 'node:fs/promises';
import { IDENTITY, change, type Change, type Row } from '../store/store.ts';

const HEADING = new TextEncoder().encode('msgsrouter journal 1\n');
const BATCH_BYTES = 12;
const SUM_BYTES = 8;
const FORGOTTEN = 0xffff_ffff;
const MODE = 0o600;
/** A file is written anew when it is that large, and that many times as large as what it says. */
const COMPACT_BYTES = 1024 * 1024;
const COMPACT_TIMES = 4;

type Rows = Map<string, Uint8Array<ArrayBuffer>>;

/** A file that is open, and how long it is. */
interface Written {
  file: FileHandle;
  end: number;
}

/** What a file says. */
interface Content {
  rows: Rows;
  /** How far it can be read. */
  end: number;
  damage?: string;
}

/** A file of records. */
export class Journal {
  #path: string;
  #rows: Rows;
  #file: FileHandle;
  #end: number;
  #compactAt = COMPACT_BYTES;
  /** Why nothing is written any more. */
  #broken: unknown;

  /** The records of a file, which is made when it is missing. */
  static async open(path: string): Promise<{ journal: Journal; rows: Row[]; damage?: string | undefined }> {
    const { rows, end, damage } = await readJournal(path);
    // For whoever wants to look at it.
    if (damage) await link(path, `${path}.damaged`).catch(() => {});
    const isFresh = end === 0 || damage !== undefined;
    const written = isFresh ? await writeJournal(path, rows) : { file: await open(path, 'r+'), end };
    if (!isFresh) await written.file.truncate(end);
    return { journal: new Journal(path, rows, written), rows: [...rows], damage };
  }

  private constructor(path: string, rows: Rows, { file, end }: Written) {
    this.#path = path;
    this.#rows = rows;
    this.#file = file;
    this.#end = end;
  }

  /** Appends a batch; with `strict` it is on the disk when the promise is fulfilled. */
  async apply(changes: Change[], strict: boolean): Promise<void> {
    if (this.#broken) throw this.#broken;
    const batch = spell(changes);
    try {
      await writeAll(this.#file, batch, this.#end);
    } catch (error) {
      // What was written of it must not stand before the next one.
      await this.#file.truncate(this.#end).catch((broken) => (this.#broken = broken));
      throw error;
    }
    if (strict) await this.#sync();
    this.#end += batch.length;
    change(this.#rows, changes);
    if (this.#end > this.#compactAt) await this.#compact();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** After a sync that failed nobody knows what the disk has, and a later one that works says nothing of it. */
  async #sync(): Promise<void> {
    try {
      await this.#file.datasync();
    } catch (error) {
      this.#broken = error;
      throw error;
    }
  }

  /** What cannot be made small stays large: all is in there. */
  async #compact(): Promise<void> {
    this.#compactAt = Math.max(COMPACT_BYTES, COMPACT_TIMES * this.#bytes());
    if (this.#end <= this.#compactAt) return;
    try {
      const old = this.#file;
      const { file, end } = await writeJournal(this.#path, this.#rows);
      this.#file = file;
      this.#end = end;
      await old.close();
    } catch {
      this.#compactAt = 2 * this.#end;
    }
  }

  #bytes(): number {
    let bytes = 0;
    for (const [key, value] of this.#rows) bytes += key.length + value.length;
    return bytes;
  }
}

/** What a file says, without changing it. */
export async function readJournal(path: string): Promise<Content> {
  const bytes = await readFile(path).catch((error) => {
    if (error.code === 'ENOENT') return new Uint8Array();
    throw error;
  });
  const rows: Rows = new Map();
  if (bytes.length < HEADING.length) return { rows, end: 0 };
  if (!HEADING.every((byte, at) => bytes[at] === byte)) throw new Error(`${path} is no journal that this version can read`);
  let end = HEADING.length;
  while (end < bytes.length) {
    const batch = bytes.subarray(end);
    const body = bodyOf(batch);
    if (body) {
      change(rows, read(body));
      end += BATCH_BYTES + body.length;
    } else if (reachesTheEnd(batch)) {
      break;
    } else {
      // Numbers may be missing that were given out: who this device was is not to be believed.
      rows.delete(IDENTITY);
      return { rows, end, damage: `${path} at ${end} of ${bytes.length} bytes` };
    }
  }
  return { rows, end };
}

/** Writes a file anew; it takes its place when it is whole and on the disk. */
async function writeJournal(path: string, rows: Rows): Promise<Written> {
  const scratch = `${path}.new`;
  const file = await open(scratch, 'w+', MODE);
  try {
    const text = join([HEADING, ...(rows.size > 0 ? [spell([...rows])] : [])]);
    await writeAll(file, text, 0);
    await file.sync();
    await rename(scratch, path);
    await syncFolderOf(path);
    return { file, end: text.length };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The body of the first batch; `undefined` when it is not whole. */
function bodyOf(batch: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  if (batch.length < BATCH_BYTES) return undefined;
  const body = batch.subarray(BATCH_BYTES, BATCH_BYTES + view(batch).getUint32(0, true));
  const isWhole = body.length === view(batch).getUint32(0, true);
  return isWhole && sum(body).every((byte, at) => batch[4 + at] === byte) ? body : undefined;
}

/** Whether nothing can follow a batch: it was the last one when it was cut off. */
function reachesTheEnd(batch: Uint8Array<ArrayBuffer>): boolean {
  const isCut = batch.length < BATCH_BYTES || BATCH_BYTES + view(batch).getUint32(0, true) >= batch.length;
  // A file system may have made room for what it never wrote.
  return isCut || batch.every((byte) => byte === 0);
}

function read(body: Uint8Array<ArrayBuffer>): Change[] {
  const changes: Change[] = [];
  for (let at = 0; at < body.length; ) {
    const keyEnd = at + 1 + (body[at] as number);
    const key = new TextDecoder().decode(body.subarray(at + 1, keyEnd));
    const length = view(body).getUint32(keyEnd, true);
    at = keyEnd + 4;
    if (length === FORGOTTEN) {
      changes.push([key]);
    } else {
      changes.push([key, body.slice(at, at + length)]);
      at += length;
    }
  }
  return changes;
}

function spell(changes: Change[]): Uint8Array<ArrayBuffer> {
  const parts = changes.flatMap(([key, value]) => {
    const name = new TextEncoder().encode(key);
    return [new Uint8Array([name.length]), name, length(value?.length ?? FORGOTTEN), value ?? new Uint8Array()];
  });
  const body = join(parts);
  return join([length(body.length), sum(body), body]);
}

function length(bytes: number): Uint8Array {
  const field = new Uint8Array(4);
  view(field).setUint32(0, bytes, true);
  return field;
}

function sum(body: Uint8Array): Uint8Array {
  return createHash('sha256').update(body).digest().subarray(0, SUM_BYTES);
}

function join(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function view({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
  }
}

/** So that a name survives the power as well. Where folders cannot be opened, the system sees to it. */
async function syncFolderOf(path: string): Promise<void> {
  try {
    const folder = await open(path.slice(0, Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'))), 'r');
    await folder.sync().finally(() => folder.close());
  } catch {
    // Windows.
  }
}
