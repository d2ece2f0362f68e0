// The site under test: a real collector with its agents, made by the demo before the
// tests began. run.js says where it is.
import { readFileSync } from 'node:fs';

/**
 * @typedef {{email: string, password: string}} Login
 * @typedef {{first: string, last: string, id: string, channels: number}} Party
 * @typedef {{nodes: string[], parties: {customers: Party[], carriers: Party[]}, history: {from_unix_s: number, to_unix_s: number, hours: any[], days: any[], months: any[]}}} Facts what the demo says of itself
 * @typedef {{url: string, facts: Facts, operator: Login & {cookie: string}, customer: Login & {cookie: string, id: string}}} Site
 */

const file = process.env.SIPWARD_SITE;
if (!file) throw new Error('these tests need a site: run them by "make browser", or by "npm test" in test/browser');

/** @type {Site} */
export const site = JSON.parse(readFileSync(file, 'utf8'));

/** Where screenshots and what a failed test saw are kept. */
export const shots = new URL('../../../dist/screenshots/', import.meta.url).pathname;
