/** Loads the module: what a page needs of wasm-bindgen's own loader, in whose place it stands. */

let wasm;

async function instantiate(source) {
  if (typeof source === 'string' || source instanceof URL || source instanceof Request) source = await fetch(source);
  const imports = __wbg_get_imports();
  if (!(source instanceof Response)) return WebAssembly.instantiate(source, imports);
  if (!source.ok) throw new Error(`${source.url}: ${source.status} ${source.statusText}`);
  // What is not said to be WebAssembly is not compiled while it comes.
  if (source.headers.get('Content-Type') !== 'application/wasm') return WebAssembly.instantiate(await source.arrayBuffer(), imports);
  return WebAssembly.instantiateStreaming(source, imports);
}

function use(instance) {
  // Whoever was first: what is in the memory of one means nothing to another.
  if (wasm) return;
  wasm = instance.exports;
  wasm.__wbindgen_start();
}

export function initSync({ module }) {
  if (!(module instanceof WebAssembly.Module)) module = new WebAssembly.Module(module);
  use(new WebAssembly.Instance(module, __wbg_get_imports()));
}

export default async function load({ module_or_path = new URL('MODULE', import.meta.url) } = {}) {
  // Of a module that was compiled before comes the instance alone.
  const made = await instantiate(await module_or_path);
  use(made.instance ?? made);
}
