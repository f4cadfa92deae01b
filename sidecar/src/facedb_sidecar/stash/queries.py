"""The GraphQL documents that Stash is sent: fields of its public schema that old and new versions have."""

from __future__ import annotations

PERFORMER_FIELDS = """
fragment Known on Performer {
  id name disambiguation alias_list image_path gender birthdate country
  stash_ids { endpoint stash_id }
}
"""

SCENE = (
    """
query Scene($id: ID!) {
  findScene(id: $id) {
    id title
    files { duration width height }
    paths { screenshot stream }
    performers { ...Known }
  }
}
"""
    + PERFORMER_FIELDS
)

IMAGE = "query Image($id: ID!) { findImage(id: $id) { id title paths { image } } }"

GALLERY = "query Gallery($id: ID!) { findGallery(id: $id) { id title image_count } }"

GALLERY_IMAGES = """
query GalleryImages($id: ID!, $filter: FindFilterType) {
  findImages(image_filter: {galleries: {value: [$id], modifier: INCLUDES}}, filter: $filter) {
    count
    images { id title paths { image } }
  }
}
"""

SCENE_IDS = "query SceneIds($filter: FindFilterType) { findScenes(filter: $filter) { count scenes { id } } }"

IMAGE_IDS = "query ImageIds($filter: FindFilterType) { findImages(filter: $filter) { count images { id } } }"

SEARCH_PERFORMERS = (
    """
query SearchPerformers($filter: FindFilterType) {
  findPerformers(filter: $filter) { performers { ...Known } }
}
"""
    + PERFORMER_FIELDS
)

PERFORMER = "query Performer($id: ID!) { findPerformer(id: $id) { ...Known } }" + PERFORMER_FIELDS

PERFORMERS_OF_STASH_ID = (
    """
query PerformersOfStashId($endpoint: String!, $stash_id: String!) {
  findPerformers(
    performer_filter: {stash_id_endpoint: {endpoint: $endpoint, stash_id: $stash_id, modifier: EQUALS}}
  ) { performers { ...Known } }
}
"""
    + PERFORMER_FIELDS
)

INPUT_FIELDS = "query InputFields($type: String!) { __type(name: $type) { inputFields { name } } }"

CREATE_PERFORMER = (
    """
mutation CreatePerformer($input: PerformerCreateInput!) { performerCreate(input: $input) { ...Known } }
"""
    + PERFORMER_FIELDS
)

SET_STASH_IDS = (
    """
mutation SetStashIds($id: ID!, $stash_ids: [StashIDInput!]!) {
  performerUpdate(input: {id: $id, stash_ids: $stash_ids}) { ...Known }
}
"""
    + PERFORMER_FIELDS
)

# The bulk mutations add one performer and leave the others alone, whoever else changes the scene meanwhile.
ADD_TO_SCENE = """
mutation AddToScene($id: ID!, $performer: ID!) {
  bulkSceneUpdate(input: {ids: [$id], performer_ids: {ids: [$performer], mode: ADD}}) { id }
}
"""

ADD_TO_IMAGE = """
mutation AddToImage($id: ID!, $performer: ID!) {
  bulkImageUpdate(input: {ids: [$id], performer_ids: {ids: [$performer], mode: ADD}}) { id }
}
"""

ADD_TO_GALLERY = """
mutation AddToGallery($id: ID!, $performer: ID!) {
  bulkGalleryUpdate(input: {ids: [$id], performer_ids: {ids: [$performer], mode: ADD}}) { id }
}
"""

STASH_BOXES = "query StashBoxes { configuration { general { stashBoxes { endpoint api_key name } } } }"

VERSION = "query Version { version { version } }"
