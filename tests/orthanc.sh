#!/usr/bin/env bash
# Fetches, segments, stores and finds series in Orthanc, a PACS that Debian has:
#
#   apt-get install curl openssl orthanc orthanc-dicomweb socat
#
#   tests/orthanc.sh
#
# Orthanc runs on a free port of this machine with a user and a password, in a temporary folder, and ends with the script. It is
# asked over http, then over https through socat, with an authority of the script's own and a certificate asked of the client.
# (Orthanc 1.10.1 of Debian 12 crashes at its first https connection, whoever makes it.)
#
#   SERIES=FOLDER   a further series of DICOM files, larger than the small one of medseg-volume's tests
#   VALUE=NUMBER    the value at which that series is segmented; 200 without
#   MEDSEG=PROGRAM  the program, built with its feature dicomweb, and
#   MODEL=FOLDER    a model: the script then also runs `medseg predict MODEL --dicomweb ... --store`, on the further series if given
#
# Exit code 0 only if every step did what it should.
set -euo pipefail
cd "$(dirname "$0")/.."
small=crates/medseg-volume/tests/golden/segmentation/series

plugin=/usr/share/orthanc/plugins/libOrthancDicomWeb.so
for needed in curl openssl Orthanc socat; do
  command -v "$needed" > /dev/null || { echo "needs $needed: see the packages above"; exit 1; }
done
[ -e "$plugin" ] || { echo "needs orthanc-dicomweb"; exit 1; }
cargo build --quiet --locked -p medseg-dicomweb --example pacs
cargo build --quiet --locked -p medseg-volume --features dicom --example segment_above
built=${CARGO_TARGET_DIR:-target}/debug/examples

work=$(mktemp -d)
servers=()
stop() {
  for server in "${servers[@]}"; do kill "$server" 2> /dev/null && wait "$server" || true; done
  rm -rf "$work"
}
trap stop EXIT
failed() { echo "FAILED: $1"; exit 1; }
now() { date +%s%N; }
since() { echo "$((($(now) - $1) / 1000000)) ms"; }

export MEDSEG_DICOMWEB_USER=medseg
MEDSEG_DICOMWEB_PASSWORD=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
export MEDSEG_DICOMWEB_PASSWORD
secret=$MEDSEG_DICOMWEB_PASSWORD
unset MEDSEG_DICOMWEB_TOKEN MEDSEG_DICOMWEB_CA MEDSEG_DICOMWEB_CERT MEDSEG_DICOMWEB_KEY

open_port() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
free_port() {
  local port
  while port=$((20000 + RANDOM % 20000)); open_port "$port"; do :; done
  echo "$port"
}
# Waits until the server that was started last listens: listens PORT LOG
listens() {
  servers+=($!)
  for _ in $(seq 100); do
    if open_port "$1"; then return; fi
    sleep 0.1
  done
  cat "$2"
  failed "a server does not start"
}

# Asks Orthanc's own interface, which is not DICOMweb; the password is not on the command line.
rest() {
  curl --silent --show-error --fail --noproxy '*' --config <(echo "user = \"$MEDSEG_DICOMWEB_USER:$MEDSEG_DICOMWEB_PASSWORD\"") "$@"
}
field() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" | head -n 1; }
pacs() { "$built/pacs" "$address" "$@"; }

# Runs a command that must fail with one sentence that has these words.
refused() {
  local words=$1 text
  shift
  if text=$("$@" 2>&1); then failed "not refused: $*"; fi
  [[ $text == "error: "*"$words"* && $(wc -l <<< "$text") == 1 ]] || failed "$text"
  case $text in *"$secret"*) failed "the password is shown" ;; esac
  echo "  refused: ${text//$port/PORT}"
}

# Uploads a folder by Orthanc's own interface; sets $study and $series to the UIDs.
upload() {
  local file answer
  for file in "$1"/*; do answer=$(rest --request POST --data-binary "@$file" "$http/instances"); done
  study=$(rest "$http/studies/$(field ParentStudy <<< "$answer")" | field StudyInstanceUID)
  series=$(rest "$http/series/$(field ParentSeries <<< "$answer")" | field SeriesInstanceUID)
}
sums() { find "$1" -type f -exec sha256sum {} + | cut -d ' ' -f 1 | sort; }

# The whole way of a series: round FOLDER VALUE
round() {
  local fetched="$work/fetched" mask="$work/mask.dcm" from segmentation files
  rm -rf "$fetched" "$mask" "$work/back"
  upload "$1"
  files=$(find "$1" -type f | wc -l)
  from=$(now)
  pacs fetch "$study" "$series" "$fetched" > "$work/said"
  echo "  fetched in $(since "$from"): $(cat "$work/said")"
  [ "$(sums "$1")" = "$(sums "$fetched")" ] || failed "the files differ from those of $1"
  echo "  equal byte for byte: $files files"
  echo "  segmented at $2: $("$built/segment_above" "$fetched" "$2" "$mask")"
  from=$(now)
  pacs store "$mask" > /dev/null
  echo "  stored in $(since "$from"): $(stat -c %s "$mask") bytes"
  pacs series "$study" > "$work/list"
  segmentation=$(sed -n 's/^\([0-9.]*\): SEG, 1 instance.*/\1/p' "$work/list")
  [ -n "$segmentation" ] || failed "the study has no segmentation: $(cat "$work/list")"
  echo "  in the study: $(cut -d ' ' -f 2- "$work/list" | tr '\n' ';')"
  from=$(now)
  pacs fetch "$study" "$segmentation" "$work/back" > /dev/null
  cmp "$mask" "$work/back/00001.dcm" || failed "the segmentation came back differently"
  echo "  fetched back in $(since "$from"), equal byte for byte"
}

echo "Orthanc $(dpkg-query -W -f '${Version}' orthanc), DICOMweb $(dpkg-query -W -f '${Version}' orthanc-dicomweb)"
port=$(free_port)
cat > "$work/orthanc.json" << END
{
  "StorageDirectory": "$work/archive", "IndexDirectory": "$work/archive", "Plugins": ["$plugin"],
  "HttpPort": $port, "DicomServerEnabled": false, "RemoteAccessAllowed": false,
  "AuthenticationEnabled": true, "RegisteredUsers": { "$MEDSEG_DICOMWEB_USER": "$secret" },
  "DicomWeb": { "Enable": true, "Root": "/dicom-web/" }
}
END
Orthanc "$work/orthanc.json" > "$work/orthanc.log" 2>&1 &
listens "$port" "$work/orthanc.log"
http=http://127.0.0.1:$port
address=$http/dicom-web

echo "the small series, over http"
round "$small" 2

last=$small

echo "every form of segmentation"
mkdir "$work/forms"
for form in binary fractional fractional_rle labelmap labelmap_rle; do
  pacs store "$small/../$form.dcm" > /dev/null
done
for uid in $(pacs series "$study" | sed -n 's/^\([0-9.]*\): SEG,.*/\1/p'); do
  pacs fetch "$study" "$uid" "$work/forms/$uid" > /dev/null
done
for form in binary fractional fractional_rle labelmap labelmap_rle; do
  grep -q "$(sha256sum < "$small/../$form.dcm" | cut -d ' ' -f 1)" <(sums "$work/forms") || failed "$form came back differently"
  echo "  $form: equal byte for byte"
done

if [ -n "${SERIES:-}" ]; then
  echo "the further series"
  round "$SERIES" "${VALUE:-200}"
  last=$SERIES
fi

echo "what cannot be"
refused "has no study 1.2.3" pacs series 1.2.3
refused "has no series 1.2.3 in study $study" pacs fetch "$study" 1.2.3 "$work/none"
refused "is no series' UID" pacs fetch "$study" ../instances "$work/none"
refused "is no DICOM file" pacs store Cargo.toml
refused "HTTP status 404" "$built/pacs" "$http/elsewhere" series "$study"
refused "has a user name or password" "$built/pacs" "http://a:b@127.0.0.1:$port/dicom-web" series "$study"
MEDSEG_DICOMWEB_PASSWORD=wrong refused "HTTP status 401" pacs fetch "$study" "$series" "$work/none"
MEDSEG_DICOMWEB_USER='' MEDSEG_DICOMWEB_PASSWORD='' refused "HTTP status 401" pacs store "$work/mask.dcm"
[ ! -e "$work/none" ] || failed "a folder was left"

if [ -n "${MEDSEG:-}" ] && [ -n "${MODEL:-}" ]; then
  echo "the program"
  before=$(pacs series "$study" | grep -c ': SEG,')
  from=$(now)
  "$MEDSEG" predict "$MODEL" --dicomweb "$address" --study "$study" --series "$series" "$work/predicted.dcm" --store
  echo "  predicted and stored in $(since "$from")"
  [ -s "$work/predicted.dcm" ] || failed "no segmentation"
  [ "$(pacs series "$study" | grep -c ': SEG,')" -eq $((before + 1)) ] || failed "the archive has not got the segmentation"
  for uid in $(pacs series "$study" | sed -n 's/^\([0-9.]*\): SEG,.*/\1/p'); do
    rm -rf "$work/back"
    pacs fetch "$study" "$uid" "$work/back" > /dev/null
    if cmp -s "$work/predicted.dcm" "$work/back/00001.dcm"; then same=yes; fi
  done
  [ "${same:-}" = yes ] || failed "the stored segmentation is not the one on the disk"
  echo "  the archive has it, equal byte for byte"
else
  echo "the program: not run (MEDSEG and MODEL are not set)"
fi

echo "over https with certificates on both ends"
(
  cd "$work"
  authority() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem"; }
  signed() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -out "$1.pem" -extfile <(echo "$2")
  }
  authority authority
  authority stranger
  signed server "subjectAltName=DNS:localhost,IP:127.0.0.1"
  signed client "extendedKeyUsage=clientAuth"
  cat server.key server.pem > both.pem
) 2> "$work/openssl.log" || { cat "$work/openssl.log"; failed "certificates"; }
encrypted=$(free_port)
socat "OPENSSL-LISTEN:$encrypted,bind=127.0.0.1,reuseaddr,fork,cert=$work/both.pem,cafile=$work/authority.pem,verify=1" \
  "TCP:127.0.0.1:$port" 2> "$work/socat.log" &
listens "$encrypted" "$work/socat.log"
port=$encrypted
address=https://localhost:$port/dicom-web
refused "cannot reach" pacs series "$study"
export MEDSEG_DICOMWEB_CA="$work/stranger.pem" MEDSEG_DICOMWEB_CERT="$work/client.pem" MEDSEG_DICOMWEB_KEY="$work/client.key"
refused "cannot reach" pacs series "$study"
export MEDSEG_DICOMWEB_CA="$work/authority.pem"
rm -rf "$work/fetched"
pacs fetch "$study" "$series" "$work/fetched" > /dev/null
[ "$(sums "$last")" = "$(sums "$work/fetched")" ] || failed "the files differ"
pacs store "$work/mask.dcm" > /dev/null
echo "  fetched and stored; equal byte for byte"
unset MEDSEG_DICOMWEB_CERT MEDSEG_DICOMWEB_KEY
refused "cannot reach" pacs series "$study"
echo "done in $SECONDS s"
