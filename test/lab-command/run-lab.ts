import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import type { LabSummary } from '../../n3iwf/cli/lab-options.ts';

// Each command is a process that reads all of the sources, and then waits for UEs: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const main = fileURLToPath(new URL('../../n3iwf/main.ts', import.meta.url));

export interface LabRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly summary: LabSummary;
}

/** Runs `n3iwf lab --once --json` with more options, as a user would. */
export async function runLab(...options: string[]): Promise<LabRun> {
  const run = await runCommand('lab', '--once', '--json', ...options);
  return { ...run, summary: JSON.parse(run.stdout) as LabSummary };
}

/** Runs the command line and collects what it says. */
export function runCommand(
  ...argv: string[]
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}
