import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { createLoadMeter, familyUsage, parentOf, processMemory, processUsage } from './process-usage.ts';

test('this process has used CPU and memory, and has a parent', () => {
  expect(processUsage(process.pid).cpu_seconds).toBeGreaterThan(0);
  expect(processUsage(process.pid).rss_bytes).toBeGreaterThan(10e6);
  expect(processMemory(process.pid)).toBeGreaterThan(5e6);
  expect(processMemory(process.pid)).toBeLessThanOrEqual(processUsage(process.pid).rss_bytes * 1.1);
  expect(parentOf(process.pid)).toBe(process.ppid);
});

test('a family holds its children, and a process that is gone has used nothing', async () => {
  const child = spawn('sleep', ['30']);
  const alone = processUsage(process.pid);
  const family = familyUsage(process.pid);
  expect(family.rss_bytes).toBeGreaterThan(alone.rss_bytes);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  await gone;
  expect(processUsage(child.pid ?? 0)).toEqual({ cpu_seconds: 0, rss_bytes: 0 });
});

test('the load of the machine lies between nothing and everything', () => {
  const load = createLoadMeter();
  const until = performance.now() + 30;
  while (performance.now() < until) Math.sqrt(until);
  expect(load()).toBeGreaterThanOrEqual(0);
  expect(load()).toBeLessThanOrEqual(1);
});
