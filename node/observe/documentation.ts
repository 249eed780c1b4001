import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { Answer, sendAnswer } from './answers.ts'
import type { ApiContext } from './api.ts'
import { nameSchemas } from './named-schemas.ts'

/** Notes what every route says of itself. To be called before any of them is made. */
export async function documented(app: FastifyInstance, { version }: Pick<ApiContext, 'version'>): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Wattness observer',
        version,
        description:
          'What this node has verified of all chains of its neighbourhood. Nobody need trust it: blocks come with what proves ' +
          'them. Refusals are problem details with stable codes.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'bearer',
            description: "A line of the node's http-tokens file. Reading needs one only where it is closed.",
          },
        },
      },
    },
    transformObject: (document) => ('openapiObject' in document ? nameSchemas(document.openapiObject) : document.swaggerObject),
  })
}

/** `/openapi.json`, and a page at `/docs` that shows it without asking anybody else. */
export async function documentation(app: FastifyInstance): Promise<void> {
  let answer: Answer | undefined
  app.get('/openapi.json', { schema: { hide: true } }, (request, reply) => {
    answer ??= new Answer(app.swagger())
    return sendAnswer(request, reply, answer)
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { url: '/openapi.json', validatorUrl: null, docExpansion: 'list', deepLinking: true, tryItOutEnabled: true },
    staticCSP: {
      'default-src': "'self'",
      'img-src': "'self' data:",
      // The page is made of styles that it writes itself.
      'style-src': "'self' 'unsafe-inline'",
      'script-src': "'self'",
      'object-src': "'none'",
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'",
    },
  })
}
