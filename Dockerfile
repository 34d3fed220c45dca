# docker build -t watchpost .
#
# /app takes 206 MB, 193 of them node_modules: src/slim.ts removes what production never opens, as a second Node and
# onnxruntime for other platforms. `npm run image` does these steps without Docker; .ci/run runs it, and it fails from 300 MB on.

# Another tag, or the same with its digest, as operations/compose/pin finds it: --build-arg NODE_IMAGE=node:24-…@sha256:…
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS install
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY models models
COPY src/check-node.mjs src/slim.ts src/
COPY src/console src/console
COPY tsconfig.json ./
# An npm before 11.16 would run onnxruntime-node's script, which fetches CUDA's libraries.
ENV ONNXRUNTIME_NODE_INSTALL=skip
# Installs the packages and, through postinstall, fetches and checks the models and builds the console. What only the build
# needs goes again.
RUN npm ci && npm prune --omit=dev --ignore-scripts && npm run slim

# A second stage, as npm's cache stays behind in the first.
FROM ${NODE_IMAGE}
# For streams of cameras and videos. Without it the image is smaller by that, and only MJPEG and still pictures are read.
ARG FFMPEG=ffmpeg
RUN [ -z "$FFMPEG" ] || { apt-get update && apt-get install -y --no-install-recommends "$FFMPEG" && rm -rf /var/lib/apt/lists/*; }
WORKDIR /app
COPY --from=install /app ./
COPY . .
# The API key and the embedded database are kept here; the image itself is never written to.
RUN mkdir /data && chown node:node /data
ENV NODE_ENV=production WATCHPOST_DATA=/data HOST=0.0.0.0
VOLUME /data
USER node
EXPOSE 3000
ENTRYPOINT ["node", "src/watchpost.mjs"]
CMD ["up"]
