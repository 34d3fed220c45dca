import ipaddr from 'ipaddr.js';

/** A range of addresses that the settings name: it may be called although it is not public, and over plain http. */
export type Network = readonly [address: ipaddr.IPv4 | ipaddr.IPv6, bits: number];

/**
 * Reads a network, like 10.0.0.0/8 or fd00::/8, or a single address.
 *
 * @returns undefined if it is neither. An IPv4 address has four decimal numbers: 010.0.0.1 means different addresses to
 *   different programs.
 */
export const parseNetwork = (text: string): Network | undefined => {
  const [address = '', bits] = text.split('/', 2);
  if (!ipaddr.IPv6.isValid(address) && !ipaddr.IPv4.isValidFourPartDecimal(address)) return undefined;
  if (bits === undefined) {
    const one = ipaddr.parse(address);
    return [one, one.kind() === 'ipv4' ? 32 : 128];
  }
  return ipaddr.isValidCIDR(text) ? ipaddr.parseCIDR(text) : undefined;
};

/** What the ranges are called in an error; any other is "not a public address". */
const ranges: Record<string, string> = {
  loopback: 'an address of this machine',
  unspecified: 'an address of this machine',
  private: 'an address of a private network',
  uniqueLocal: 'an address of a private network',
  linkLocal: 'a link-local address, where clouds keep their metadata',
  carrierGradeNat: "an address of a provider's own network",
  multicast: 'a multicast address',
  broadcast: 'a broadcast address',
  ipv4Mapped: 'an IPv4 address written as IPv6',
  rfc6052: 'an IPv4 address behind NAT64',
  '6to4': 'an IPv4 address behind 6to4',
  teredo: 'an IPv4 address behind Teredo',
};

/** All addresses that are assigned to the public (RFC 4291). Outside it are NAT64's local prefix and old forms of IPv4. */
const publicIpv6: Network = [ipaddr.IPv6.parse('2000::'), 3];

/** Azure's metadata and DNS have an address of a public range. */
const azureMetadata = '168.63.129.16';

const contains = ([start, bits]: Network, address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  start.kind() === address.kind() && address.match(start as ipaddr.IPv4 & ipaddr.IPv6, bits);

/** Whether the settings name a network of this address; an IPv4 address counts as itself also where it is written as IPv6. */
export const isNamed = (address: string, networks: readonly Network[]): boolean => {
  const meant = ipaddr.process(address);
  return networks.some((network) => contains(network, meant) || contains(network, ipaddr.parse(address)));
};

/**
 * What is wrong with calling this address, as the end of "it leads to"; undefined if it may be called: it is public, or
 * of a network that the settings name.
 *
 * @param address IPv4 or IPv6, as a resolver or `URL` gives it.
 */
export const whyRefused = (address: string, networks: readonly Network[]): string | undefined => {
  if (isNamed(address, networks)) return undefined;
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  const isPublic =
    range === 'unicast' &&
    (parsed.kind() === 'ipv4' ? parsed.toString() !== azureMetadata : contains(publicIpv6, parsed));
  return isPublic ? undefined : (ranges[range] ?? 'not a public address');
};
