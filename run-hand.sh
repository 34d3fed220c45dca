export DATABASE_URL=postgres://postgres@127.0.0.1:5601/search_scratch
S=node_modules/@vladmandic/face-api/demo
npm run -s watchpost -- detect $S/sample1.jpg
npm run -s watchpost -- compare $S/sample1.jpg $S/sample3.jpg --reason "try"
npm run -s watchpost -- search $S/sample1.jpg --past --strangers
psql $DATABASE_URL -c "select actor, action, reason, details from watchpost.access"
