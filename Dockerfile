FROM node:24-bookworm-slim

WORKDIR /app
COPY package.json package-lock.json ./
COPY models models
COPY src/check-node.mjs src/check-node.mjs
# Installs the packages and, through postinstall, fetches and checks the models.
RUN npm ci --omit=dev && npm cache clean --force
COPY . .

# The API key is kept here; the image itself is never written to.
RUN mkdir /data && chown node:node /data
ENV NODE_ENV=production WATCHPOST_DATA=/data HOST=0.0.0.0
VOLUME /data
USER node
EXPOSE 3000
ENTRYPOINT ["node", "src/watchpost.mjs"]
CMD ["up"]
