import { spawn } from 'node:child_process';
import kafkajs from '/tmp/wp/bridge/node_modules/kafkajs/index.js';
const { Kafka, logLevel } = kafkajs;
const mock = spawn('kcat', ['-P','-t','warm','-X','test.mock.num.brokers=1','-b','ignored:1','-d','mock'], { stdio:['pipe','ignore','pipe'] });
const addr = await new Promise(r => { let s=''; mock.stderr.on('data', d => { s+=d; const m=/(127\.0\.0\.1:\d+)/.exec(s); if (m) r(m[1]); }); });
console.log('mock', addr);
setTimeout(() => { console.log('timeout'); mock.kill('SIGKILL'); process.exit(1); }, 40000);
try {
const k = new Kafka({ clientId:'x', brokers:[addr], logLevel: logLevel.INFO });
const p = k.producer({ idempotent: process.argv[2]==='i', maxInFlightRequests: 1 });
await p.connect();
console.time('send');
console.log(await p.sendBatch({ acks:-1, topicMessages:[{topic:'events', messages:[{key:'a',value:'1',headers:{id:'x'}},{key:'b',value:'2'}]}] }));
console.timeEnd('send');
const c = k.consumer({ groupId:'g', sessionTimeout: 30000, heartbeatInterval: 3000, maxBytesPerPartition: 30e6, retry:{retries:5} });
await c.connect(); await c.subscribe({ topics:['events'], fromBeginning:true });
console.time('consume');
let n=0; await new Promise(async r => { await c.run({ autoCommit:false, eachMessage: async ({topic,partition,message}) => { console.log(topic,partition,message.offset,String(message.value)); await c.commitOffsets([{topic,partition,offset:String(BigInt(message.offset)+1n)}]); if (++n===2) r(); } }); });
console.timeEnd('consume');
await c.disconnect(); await p.disconnect();
} catch (e) { console.log('ERR', e); }
mock.kill('SIGKILL'); process.exit();
