// Of Node's own modules, what this package uses: it needs no more of their types.

declare module 'node:fs' {
  export function readFileSync(path: string | URL): Uint8Array<ArrayBuffer>;
}

declare module 'node:fs/promises' {
  interface FileHandle {
    write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
    truncate(length: number): Promise<void>;
    sync(): Promise<void>;
    datasync(): Promise<void>;
    close(): Promise<void>;
  }
  export function open(path: string, flags: string, mode?: number): Promise<FileHandle>;
  export function mkdir(path: string, options: { recursive: true; mode: number }): Promise<unknown>;
  export function readdir(path: string): Promise<string[]>;
  export function readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  export function readFile(path: string, encoding: 'utf8'): Promise<string>;
  export function writeFile(path: string, text: string, options: { mode: number }): Promise<void>;
  export function link(existing: string, name: string): Promise<void>;
  export function rename(from: string, to: string): Promise<void>;
  export function unlink(path: string): Promise<void>;
}

declare module 'node:crypto' {
  interface Hash {
    update(bytes: Uint8Array): Hash;
    digest(): Uint8Array<ArrayBuffer>;
  }
  export function createHash(algorithm: 'sha256'): Hash;
  export function randomUUID(): string;
}

declare module 'node:os' {
  export function homedir(): string;
}

declare module 'node:path' {
  export function join(...parts: string[]): string;
  export function resolve(path: string): string;
}

declare module 'node:process' {
  export const env: Record<string, string | undefined>;
  export const pid: number;
  export function kill(pid: number, signal: 0): true;
}

declare module 'node:worker_threads' {
  export class Worker {
    constructor(path: string, options: { workerData: unknown });
    once(event: 'message', listener: (message: any) => void): this;
    once(event: 'error' | 'exit', listener: (reason: unknown) => void): this;
    terminate(): Promise<unknown>;
  }
  export const workerData: unknown;
  export const parentPort: { postMessage(message: unknown): void };
}
