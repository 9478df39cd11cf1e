/**
 * A systemd that has booted on the host's own files with a layer in memory above them: what it or a unit writes is gone
 * with it. It runs as the first process of a PID namespace, so that the program of a suite stays outside and looks in.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Processes, until } from './processes.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
/** On a file system in memory: an overlay cannot write above the host's. */
const layers = '/run/systemd-machine';
/** Root of the machine's files. */
export const machineRoot = join(layers, 'root');
/** What the machine boots to: its journal and what units ask for themselves, of all that the host has installed. */
const target = 'bench.target';

/** What the machine calls itself by its systemd once it runs units. */
const isUp = /^(?:running|degraded)$/;

function mount(...words: readonly string[]): void {
  execFileSync('mount', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A writable view of the host's files, with this project at `place` and no unit of the host's wanted by any target. */
function layRoot(place: string): void {
  execFileSync('modprobe', ['overlay']);
  for (const name of ['upper', 'work', 'root']) mkdirSync(join(layers, name), { recursive: true });
  const dirs = `lowerdir=/,upperdir=${join(layers, 'upper')},workdir=${join(layers, 'work')}`;
  mount('-t', 'overlay', 'overlay', '-o', dirs, machineRoot);
  const inside = join(machineRoot, place);
  mkdirSync(inside, { recursive: true });
  mount('--bind', join(machineRoot, project), inside);
  chmodSync(inside, 0o755);
  for (const folder of ['lib/systemd/system', 'etc/systemd/system'])
    for (const name of readdirSync(join(machineRoot, folder)))
      if (name.endsWith('.wants') || name.endsWith('.service.d'))
        rmSync(join(machineRoot, folder, name), { recursive: true });
  const sockets = 'Wants=systemd-journald.socket systemd-journald.service';
  writeFileSync(join(machineRoot, 'etc/systemd/system', target), `[Unit]\n${sockets}\n`);
}

/** The shell's words that make the overlay the root, and the shell systemd. */
const boot = `set -e
cd ${machineRoot}
mount -t proc proc proc
mount -t sysfs sys sys
mount -t devtmpfs dev dev
mount -t tmpfs -o mode=755 run run
mount -t cgroup2 cgroup sys/fs/cgroup
pivot_root . mnt
umount -l /mnt
mount --make-rshared /
exec /lib/systemd/systemd --system --unit=${target} --show-status=no`;

/** Handle: {@link SystemdMachine.boot}, then {@link SystemdMachine.run}. */
export class SystemdMachine {
  private readonly pid: number;

  private constructor(pid: number) {
    this.pid = pid;
  }

  /** Lays the machine's files and boots. Resolves when units can be started. */
  static async boot(processes: Processes, place: string): Promise<SystemdMachine> {
    layRoot(place);
    const words = ['--pid', '--fork', '--kill-child', '--mount', '--cgroup', 'sh', '-c', boot];
    const shell = processes.start('systemd', [
      'env',
      '-i',
      'container=test',
      `PATH=${path}`,
      'unshare',
      ...words,
    ]);
    const children = `/proc/${shell.child.pid}/task/${shell.child.pid}/children`;
    await until('the PID namespace', () => /\d/.test(readFileSync(children, 'utf8')), 30, shell);
    const machine = new SystemdMachine(Number.parseInt(readFileSync(children, 'utf8'), 10));
    const state = () => machine.try('systemctl', 'is-system-running').stdout.trim();
    await until('systemd', () => isUp.test(state()), 120, shell, 500);
    return machine;
  }

  /** Writes a file as root. */
  file(path: string, content: string | Uint8Array, mode = 0o644): void {
    // By the machine's own view: its /run is another one.
    const inside = join('/proc', String(this.pid), 'root', path);
    mkdirSync(join(inside, '..'), { recursive: true });
    writeFileSync(inside, content, { mode });
  }

  /** Runs a program in the machine, as root. @returns what it said @throws Error with all of it when it fails */
  run(...words: readonly string[]): string {
    const { status, stdout, stderr } = this.try(...words);
    if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }

  /** The same for programs that may fail. */
  try(...words: readonly string[]): {
    readonly status: number | null;
    readonly stdout: string;
    readonly stderr: string;
  } {
    const into = ['--target', String(this.pid), '--mount', '--pid', '--root', '--wd'];
    return spawnSync('nsenter', [...into, '--', ...words], { encoding: 'utf8', timeout: 120_000 });
  }

  /** A property of a unit, by `systemctl show`. */
  property(unit: string, name: string): string {
    return this.run('systemctl', 'show', '--value', '--property', name, unit).trim();
  }

  /** What a unit has logged, line by line as it wrote it. */
  journal(unit: string): string {
    return this.try('journalctl', '--unit', unit, '--output', 'cat', '--no-pager').stdout;
  }
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
