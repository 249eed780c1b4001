import { crc16, formatCrc16 } from '../../collect/crc16.ts'
import { bytes } from './inputs.ts'

/** A telegram of version 5 as a meter in winter would send it: `dateTime` as `260115120000`, registers in watt-hours. */
export function telegram(dateTime: string, wattHours: number, watts = 512, more: readonly string[] = []): string {
  const kwh = (value: number): string => `${(value / 1_000).toFixed(3).padStart(10, '0')}*kWh`
  const lines = [
    '/XMX5LGBBFG1012345678',
    '',
    '1-3:0.2.8(50)',
    `0-0:1.0.0(${dateTime}W)`,
    '0-0:96.1.1(4530303433303037303531323334353637)',
    `1-0:1.8.1(${kwh(wattHours)})`,
    `1-0:1.7.0(${(watts / 1_000).toFixed(3).padStart(6, '0')}*kW)`,
    ...more,
    '!',
  ]
  const body = lines.join('\r\n')
  return `${body}${formatCrc16(crc16(bytes(body)))}\r\n`
}
