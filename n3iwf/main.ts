#!/usr/bin/env node
import { runCli } from './cli/program.ts';

// Output that cannot be written, as on a full disk or a closed pipe, ends nothing.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
const status = await runCli(process.argv.slice(2));
// A command that failed half way may have left something open that would keep the process.
if (status === 0) process.exitCode = status;
else process.exit(status);
