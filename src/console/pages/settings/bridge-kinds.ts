/** What the form of a bridge asks for, by its kind; docs/bridges.md says what it means. */
interface KindForm {
  readonly title: string;
  readonly url: string;
  /** Where events are published. */
  readonly out: AddressForm;
  /** Where photos are read. */
  readonly in: AddressForm;
  readonly hasToken?: boolean;
}

interface AddressForm {
  readonly label: string;
  readonly placeholder: string;
  readonly hint?: string;
}

const replaced = '{topic}, {camera} and {site} become those of the event.';

export const bridgeForms = {
  kafka: {
    title: 'Kafka',
    url: 'kafkas://broker.example:9093',
    out: { label: 'Topic', placeholder: 'watchpost.alerts', hint: replaced },
    in: { label: 'Topic', placeholder: 'frames' },
  },
  rabbitmq: {
    title: 'RabbitMQ',
    url: 'amqps://broker.example/vhost',
    out: { label: 'Exchange and routing key', placeholder: 'watchpost/{topic}', hint: replaced },
    in: { label: 'Queue', placeholder: 'photos' },
  },
  nats: {
    title: 'NATS JetStream',
    url: 'tls://broker.example:4222',
    out: { label: 'Subject', placeholder: 'watchpost.{topic}', hint: replaced },
    in: { label: 'Subject', placeholder: 'uploads' },
    hasToken: true,
  },
  mqtt: {
    title: 'MQTT',
    url: 'mqtts://broker.example',
    out: { label: 'Topic', placeholder: 'watchpost/{camera}/{topic}', hint: replaced },
    in: { label: 'Topic', placeholder: 'cameras/+/snapshot' },
  },
  celery: {
    title: 'Celery over RabbitMQ',
    url: 'amqps://broker.example',
    out: { label: 'Queue and task', placeholder: 'celery/tasks.on_event' },
    in: { label: 'Queue', placeholder: 'watchpost' },
  },
} as const satisfies Record<string, KindForm>;

/** The form of a kind. */
export const formOfBridge = (kind: keyof typeof bridgeForms): KindForm => bridgeForms[kind];
