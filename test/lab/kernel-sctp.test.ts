// needs: linux.uml, root
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const limitSeconds = 280;

function runUnderUml(): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const argv = ['test/lab/uml-run.sh', String(limitSeconds), process.execPath, 'test/lab/kernel-sctp.ts'];
    const child = spawn('bash', argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (data: Buffer) => {
      output += data;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}

test(
  '[TS38412 7] N2 over kernel SCTP: two addresses, one path cut, the core killed and back, UEs attach each time',
  async () => {
    const { status, output } = await runUnderUml();
    expect(output.split('\n').filter((line) => line.endsWith(': ok'))).toEqual([
      'messages of 200 kB both ways, whole and on their streams: ok',
      '5000 messages in order, more than the buffer takes: ok',
      'messages of another payload protocol dropped and told: ok',
      'refused stream and orderly end told as events: ok',
      'NG Setup over kernel SCTP with two local addresses: ok',
      'attach with both paths: ok',
      'attach with one path cut: ok',
      'the cut and the return of a path are told: ok',
      'NG Setup again after the core was killed: ok',
      'attach after the restart: ok',
      'orderly end on SIGTERM, by SHUTDOWN: ok',
    ]);
    expect(status).toBe(0);
  },
  (limitSeconds + 10) * 1000,
);
