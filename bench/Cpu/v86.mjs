// SPDX-License-Identifier: GPL-2.0-or-later
// node v86.mjs PACKAGE MEGABYTES KERNEL COMMAND-LINE: runs a multiboot kernel in v86; its serial port is standard output.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [, , folder, megabytes, kernel, cmdline] = process.argv;
const build = path.resolve(folder, "build");
const { V86 } = await import(pathToFileURL(path.join(build, "libv86.mjs")).href);
const file = fs.readFileSync(kernel);
const emulator = new V86({
    wasm_path: path.join(build, "v86.wasm"),
    memory_size: Number(megabytes) << 20,
    multiboot: { buffer: file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) },
    cmdline,
    autostart: true,
    disable_speaker: true,
});
let line = "";
emulator.add_listener("serial0-output-byte", (byte) => {
    line += String.fromCharCode(byte);
    if (byte !== 10) {
        return;
    }
    // Written at once: whoever reads takes the time.
    fs.writeSync(1, line);
    if (line === "done\n") {
        process.exit(0);
    }
    line = "";
});
