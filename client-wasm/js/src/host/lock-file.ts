/**
 * A lock that one process holds, and that is free when the process is gone, however it ended: a file that names it.
 *
 * The files of a lock are numbered; the one with the highest number says who holds it, and is never removed but by whoever
 * made a higher one. A file gets its name with its content in it, and no name twice, so of those who find that a holder is
 * gone one alone takes over. A process is known by its number and, where the system tells it, by when it started.
 */

import { randomUUID } from 'node:crypto';
import { link, readFile, readdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kill, pid } from 'node:process';

/** Stands in the file of a lock that was let go. */
const FREE = 'free';
const MODE = 0o600;

/** A lock that is held. */
export interface Held {
  release(): Promise<void>;
}

/** Whether somebody holds the lock of that name in that folder. */
export async function isHeld(folder: string, name: string): Promise<boolean> {
  return (await lastFree(folder, name)) === undefined;
}

/** Takes the lock of that name in that folder, if it is free. */
export async function take(folder: string, name: string): Promise<Held | undefined> {
  const last = await lastFree(folder, name);
  if (last === undefined) return undefined;
  const mine = last + 1;
  if (!(await write(folder, file(name, mine), await thisProcess()))) return undefined;
  const now = await files(folder, name);
  if (now.at(-1) !== mine) {
    // Others have taken it and let it go meanwhile.
    await unlink(join(folder, file(name, mine)));
    return undefined;
  }
  for (const older of now.slice(0, -1)) await unlink(join(folder, file(name, older))).catch(() => {});
  return { release: async () => void (await write(folder, file(name, mine + 1), FREE)) };
}

/** The highest number, 0 when there is none; `undefined` when it says that the lock is held. */
async function lastFree(folder: string, name: string): Promise<number | undefined> {
  const highest = (await files(folder, name)).at(-1);
  if (highest === undefined) return 0;
  const holder = await readFile(join(folder, file(name, highest)), 'utf8').catch(() => undefined);
  return holder === undefined || (await isAlive(holder)) ? undefined : highest;
}

function file(name: string, number: number): string {
  return `${name}.lock.${number}`;
}

/** The numbers of the lock's files, lowest first. */
async function files(folder: string, name: string): Promise<number[]> {
  const start = file(name, 0).slice(0, -1);
  const names = (await readdir(folder)).filter((entry) => entry.startsWith(start));
  return names.map((entry) => Number(entry.slice(start.length))).filter(Number.isSafeInteger).sort((one, other) => one - other);
}

/** Writes a file that was not there; `false` when it was. */
async function write(folder: string, name: string, text: string): Promise<boolean> {
  const scratch = join(folder, `${randomUUID()}.new`);
  await writeFile(scratch, text, { mode: MODE });
  try {
    await link(scratch, join(folder, name));
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(scratch);
  }
}

async function thisProcess(): Promise<string> {
  return `${pid} ${await started(pid)}`;
}

async function isAlive(holder: string): Promise<boolean> {
  const [number, start] = holder.split(' ');
  if (holder === FREE) return false;
  try {
    kill(Number(number), 0);
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
  return (await started(Number(number))) === start;
}

/** When a process started, where the system tells it; else the same for all. */
async function started(pid: number): Promise<string> {
  try {
    const [boot, status] = await Promise.all([readFile('/proc/sys/kernel/random/boot_id', 'utf8'), readFile(`/proc/${pid}/stat`, 'utf8')]);
    // proc(5): the name in parentheses may hold anything; field 22 is the 20th behind it.
    return `${boot.trim()}/${status.slice(status.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return '-';
  }
}
