/** Shows openapi.json with Swagger UI, which the script before this one loads. */
import { addressOf } from './address.ts';
import { SAMPLE_ORIGIN } from './sample-origin.ts';

/** The parts of Swagger UI's plugin system and of its React that are used here. */
interface System {
  readonly React: { createElement: (type: unknown, props: object | null, ...children: unknown[]) => unknown };
}
interface ResponsesProps {
  readonly path: string;
  readonly method: string;
  readonly specSelectors: {
    readonly specJson: () => {
      readonly getIn: (path: readonly string[]) => { readonly toJS: () => Sample[] } | undefined;
    };
  };
}
interface Sample {
  readonly lang: string;
  readonly source: string;
}

declare const SwaggerUIBundle: (options: Readonly<Record<string, unknown>>) => unknown;

/** Puts the code of each operation before its responses: Swagger UI itself does not show `x-codeSamples`. */
const codeSamples = {
  wrapComponents: {
    responses: (Responses: unknown, { React }: System) => {
      const h = React.createElement;
      return function ResponsesWithCode(props: ResponsesProps) {
        const { path, method, specSelectors } = props;
        const samples = specSelectors.specJson().getIn(['paths', path, method, 'x-codeSamples'])?.toJS() ?? [];
        return h(
          'div',
          null,
          ...samples.map(({ lang, source }) =>
            h(
              'details',
              { className: 'opblock-description-wrapper' },
              h('summary', null, lang),
              h(
                'pre',
                { className: 'microlight', tabIndex: 0 },
                h('code', null, source.replaceAll(SAMPLE_ORIGIN, addressOf(''))),
              ),
            ),
          ),
          h(Responses, props),
        );
      };
    },
  },
};

SwaggerUIBundle({
  url: addressOf('/openapi.json'),
  dom_id: '#swagger-ui',
  deepLinking: true,
  plugins: [codeSamples],
  // The badge of the validator would come from another host.
  validatorUrl: null,
});

const isDark = matchMedia('(prefers-color-scheme: dark)');
const applyScheme = () => document.documentElement.classList.toggle('dark-mode', isDark.matches);
isDark.addEventListener('change', applyScheme);
applyScheme();
